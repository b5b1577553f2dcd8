# SPDX-License-Identifier: Apache-2.0
"""Traces reach a collector: the api runs in a process of its own, because a tracer belongs to its process."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from backend.core.settings import Settings
from scripts.embedded.process import ROOT

REQUEST = """
import asyncio, httpx
from opentelemetry import trace
from backend.api.app import create_app
from backend.core.settings import Settings

async def main():
    app = create_app(Settings())
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://gridx") as client:
            assert (await client.get("/api/emission-factors")).status_code == 200
    trace.get_tracer_provider().force_flush()

asyncio.run(main())
"""


def test_request__with_a_collector__sends_spans_of_route_and_database(settings: Settings) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**os.environ, "GRIDX_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}/v1/traces"}

    done = subprocess.run(
        [sys.executable, "-c", REQUEST], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False
    )
    server.shutdown()

    assert done.returncode == 0, done.stderr.decode()
    spans = b"".join(received)
    assert b"GET /api/emission-factors" in spans
    assert b"db.statement" in spans
    assert b"gridx-api" in spans
