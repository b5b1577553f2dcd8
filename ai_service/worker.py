# SPDX-License-Identifier: Apache-2.0
"""The process `ai-worker`: training, drift and batches, on a queue of their own: `python -m ai_service.worker`.

It shares nothing with the backend's worker but the broker; arguments are passed on to Celery's `worker`.
"""

import os
import sys
from datetime import timedelta

from celery import Celery

QUEUE = "gridx-ai"

app = Celery("gridx-ai", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=20,
    task_ignore_result=True,
    task_default_queue=QUEUE,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    broker_connection_retry_on_startup=True,
    broker_transport_options={"socket_connect_timeout": 1, "socket_timeout": 5, "visibility_timeout": 6 * 3600},
    imports=("ai_service.training.tasks",),
    beat_schedule={
        "keep-up": {"task": "ai.keep_up", "schedule": timedelta(hours=6), "options": {"expires": 3600}},
    },
)


def main() -> None:
    """Work until a signal; one task at a time."""
    arguments = ["worker", "--beat", "--concurrency=1", f"--queues={QUEUE}", "--hostname=ai@%h", "--loglevel=INFO"]
    app.worker_main([*arguments, *sys.argv[1:]])


if __name__ == "__main__":
    main()
