# SPDX-License-Identifier: Apache-2.0
"""What Prometheus sees of chains: how nodes answer and how far the follower is."""

from prometheus_client import Counter, Gauge

from backend.core.observability import RPC_SECONDS

RPC_EXCHANGES = Counter("gridx_rpc_exchanges", "Exchanges with nodes", ("method", "outcome"))
HEAD_BLOCK = Gauge("gridx_chain_head_block", "Newest block of the node", ("chain",))
INDEXED_BLOCK = Gauge("gridx_chain_indexed_block", "Last block that is recorded", ("chain",))
FINAL_BLOCK = Gauge("gridx_chain_final_block", "Last block that will not be rolled back", ("chain",))
LAG_BLOCKS = Gauge("gridx_follower_lag_blocks", "Blocks between what may be recorded and what is", ("chain",))
LOGS = Counter("gridx_follower_logs", "Logs of the contract recorded", ("chain",))
REJECTED = Counter("gridx_follower_rejected_logs", "Logs that could not be recorded", ("chain",))
REORGS = Counter("gridx_follower_reorgs", "Reorganisations followed", ("chain",))
HALTED = Gauge("gridx_follower_halted", "1 while the follower is stopped for safety", ("chain",))


def observe_rpc(method: str, seconds: float, outcome: str) -> None:
    """Note one exchange with a node; `outcome` is ok, refused, garbage or unavailable."""
    RPC_SECONDS.labels(method).observe(seconds)
    RPC_EXCHANGES.labels(method, outcome).inc()
