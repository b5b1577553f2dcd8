# SPDX-License-Identifier: Apache-2.0
"""A node that lies: forwards JSON-RPC and changes answers on the way back."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Lie = Callable[[str, list[Any], Any], Any]
"""(method, params, true result) → what is told."""


class Refused(Exception):
    """Raised by a lie: the node answers with a JSON-RPC error."""


class LyingNode:
    """Use as a context manager; `url` serves until its end. `asked` counts calls by method."""

    def __init__(self, true_url: str, lie: Lie) -> None:
        self.asked: dict[str, int] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = urllib.request.Request(true_url, body, {"content-type": "application/json"})
                with urllib.request.urlopen(request, timeout=30) as response:
                    answer = json.load(response)
                told = json.dumps(outer._bend(json.loads(body), answer, lie)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _bend(self, asked: Any, answer: Any, lie: Lie) -> Any:
        if isinstance(asked, list):
            return [self._bend(one, told, lie) for one, told in zip(asked, answer, strict=True)]
        self.asked[asked["method"]] = self.asked.get(asked["method"], 0) + 1
        if "result" in answer:
            try:
                answer["result"] = lie(asked["method"], asked["params"], answer["result"])
            except Refused as refusal:
                return {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32005, "message": str(refusal)}}
        return answer

    def __enter__(self) -> LyingNode:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
