# SPDX-License-Identifier: Apache-2.0
"""Starts the HTTP process: `python -m backend.api`."""

import resource

import uvicorn
from fastapi import FastAPI

from backend.api.app import create_app
from backend.core.garbage import keep_what_is_there
from backend.core.settings import Settings
from backend.live.protocol import LiveProtocol

MESSAGE_BYTES = 4096  # of a WebSocket client, which has nothing to say


def configure(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        ws=LiveProtocol,
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a compressed frame belongs to one client; ours are shared
        backlog=4096,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


def main() -> None:
    """Serve until SIGTERM or SIGINT, with as many open sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    settings = Settings()
    app = create_app(settings)
    keep_what_is_there()
    uvicorn.Server(configure(app, settings)).run()


if __name__ == "__main__":
    main()
