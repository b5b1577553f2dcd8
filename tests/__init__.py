# SPDX-License-Identifier: Apache-2.0
"""Tests: contracts, backend by domain, faults, bench."""
