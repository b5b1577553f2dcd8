# SPDX-License-Identifier: Apache-2.0
"""Blocks and logs of a chain: read, verified, stored and followed. Knows nothing of trades."""
