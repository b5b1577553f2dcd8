# SPDX-License-Identifier: Apache-2.0
"""Trades: recorded only against a confirmed transaction, credited for what was delivered."""
