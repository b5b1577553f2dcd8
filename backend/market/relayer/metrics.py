# SPDX-License-Identifier: Apache-2.0
"""What Prometheus sees of the relayer."""

from prometheus_client import Counter, Gauge

BALANCE = Gauge("gridx_relayer_balance_wei", "Balance of the relayer's account", ("chain",))
QUEUE = Gauge("gridx_relayer_queue_pairs", "Matched pairs that wait to be sent", ("chain",))
PENDING = Gauge("gridx_relayer_pending_transactions", "Nonces with a stored transaction that is not mined", ("chain",))
STOPPED = Gauge("gridx_relayer_stopped", "1 while nothing is sent", ("chain",))
SENT = Counter("gridx_relayer_sent_pairs", "Pairs sent for the first time", ("chain",))
CANCELLED = Counter("gridx_relayer_cancelled_pairs", "Pairs that were taken out", ("reason",))
BUMPS = Counter("gridx_relayer_bumps", "Transactions replaced by one that pays more", ("chain",))
REBROADCASTS = Counter("gridx_relayer_rebroadcasts", "Stored transactions broadcast again", ("chain",))
