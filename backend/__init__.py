# SPDX-License-Identifier: Apache-2.0
"""GridX backend: one folder a domain; imports point down only (see README)."""
