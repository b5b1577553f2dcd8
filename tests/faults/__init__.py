# SPDX-License-Identifier: Apache-2.0
"""Seeded sequences of trades, claims and faults against the real processes, and what must hold afterwards."""
