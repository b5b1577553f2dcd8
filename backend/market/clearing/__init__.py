# SPDX-License-Identifier: Apache-2.0
"""Clearing rules of the market: pure, integer, deterministic."""
