# SPDX-License-Identifier: Apache-2.0
"""Signed orders: what is accepted, under which rules, and how it ends."""
