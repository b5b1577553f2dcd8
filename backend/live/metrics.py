# SPDX-License-Identifier: Apache-2.0
"""What Prometheus sees of live updates."""

from prometheus_client import Counter, Gauge, Histogram

CONNECTIONS = Gauge("gridx_live_connections", "Open WebSockets of this process")
ENDED = Counter("gridx_live_ended_total", "WebSockets that the server ended", ("reason",))
EVENTS = Counter("gridx_live_events_total", "Events sent to those who follow", ("topic",))
LAG = Histogram(
    "gridx_live_lag_seconds",
    "From an event's transaction to its last client",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0, 60.0),
)
REFILLED = Counter("gridx_live_refilled_total", "Events that came from PostgreSQL because Redis did not bring them")
