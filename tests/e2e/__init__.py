# SPDX-License-Identifier: Apache-2.0
"""The stack as a whole, run as its users run it."""
