# SPDX-License-Identifier: Apache-2.0
"""Disaster mode: an island, its fair shares, its queued intents."""
