# SPDX-License-Identifier: Apache-2.0
"""Tests of the contracts, run by `ape test tests/contracts` on a chain of their own."""
