# SPDX-License-Identifier: Apache-2.0
"""Tests of the carbon ledger on a real database."""
