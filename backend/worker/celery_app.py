# SPDX-License-Identifier: Apache-2.0
"""The Celery application: slow or periodic work only. Tasks live with their domains, in `tasks.py`."""

import os
from datetime import timedelta

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_process_init
from opentelemetry.instrumentation.celery import CeleryInstrumentor

from backend.core.observability import configure_tracing
from backend.core.settings import Settings


@worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
def trace_tasks(**_: object) -> None:
    """Trace tasks where a collector is configured; a task continues the trace of whoever queued it."""
    endpoint = Settings().otlp_endpoint
    configure_tracing("worker", endpoint)
    if endpoint is not None:
        CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]  # the package has no types


app = Celery("gridx", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_default_queue="gridx",
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 5},
    imports=(
        "backend.accounts.tasks",
        "backend.audit.tasks",
        "backend.carbon.tasks",
        "backend.forecasts.tasks",
        "backend.market.book.tasks",
        "backend.market.orders.tasks",
        "backend.market.islands.tasks",
        "backend.market.settlement.tasks",
        "backend.market.tasks",
        "backend.sites.tasks",
        "backend.worker.retention",
    ),
    beat_schedule={
        "settle": {"task": "market.settle_due", "schedule": timedelta(seconds=2), "options": {"expires": 10}},
        "gates": {"task": "market.clear_due", "schedule": timedelta(seconds=2), "options": {"expires": 10}},
        "islands": {"task": "market.run_islands", "schedule": timedelta(seconds=5), "options": {"expires": 15}},
        "offers": {"task": "market.close_orders", "schedule": timedelta(seconds=10), "options": {"expires": 30}},
        "credentials": {"task": "accounts.expire_credentials", "schedule": timedelta(minutes=10)},
        "replacements": {"task": "market.complete_replacements", "schedule": timedelta(minutes=5)},
        "retention": {"task": "worker.retain", "schedule": crontab(minute=17)},
    },
)
