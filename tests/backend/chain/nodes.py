# SPDX-License-Identifier: Apache-2.0
"""Clients of a test's nodes."""

from __future__ import annotations

from typing import Any

from backend.chain.rpc import RpcClient


def client(*urls: str, **options: Any) -> RpcClient:
    """A client that gives up soon."""
    return RpcClient(urls, chain_id=31337, **{"timeout_s": 2.0, "attempts": 2, **options})
