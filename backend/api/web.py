# SPDX-License-Identifier: Apache-2.0
"""The web app at `/`: the built files of `frontend/dist`, kept in memory; addresses of its pages get its index.html.

Nothing under /api is ever answered from here. Files under /assets carry a hash in their names and are kept by browsers
for ever; everything else is asked for again. Compressed copies (`.br`, `.gz`) lie beside the files since the build.
"""

import base64
import mimetypes
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.core.settings import Settings

INDEX = "/index.html"
OPEN_PAGES = ("/verify", "/auditor")
"""Pages that may ask a node of the visitor's own: any https address, and any port of the visitor's own machine."""
_OWN_NODES = "https: http://localhost:* http://127.0.0.1:*"
_PACKED = {"br": ".br", "gzip": ".gz"}
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_PAGE = re.compile(r"/(?!api(?:/|$))(?:[^.]*|.*/[^./]*)")
_OTHER_TYPES = {".webmanifest": "application/manifest+json", ".woff2": "font/woff2", ".js": "text/javascript"}


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file of the build, plain and compressed."""

    media_type: str
    etag: str
    plain: bytes
    packed: dict[str, bytes]


class WebApp:
    """The files of one build; a later build in the same folder is noticed when its index.html is asked for."""

    def __init__(self, folder: Path, policy: str) -> None:
        self._folder = folder
        self._policy = policy
        self._files: dict[str, WebFile] = {}
        self._built = 0
        self.refresh()

    def refresh(self) -> None:
        """Read the folder again if it holds another build than before."""
        index = self._folder / INDEX[1:]
        built = index.stat().st_mtime_ns if index.is_file() else 0
        if built == self._built:
            return
        self._built = built
        paths = [path for path in self._folder.rglob("*") if path.is_file() and path.suffix not in _PACKED.values()]
        self._files = {f"/{path.relative_to(self._folder).as_posix()}": _read(path) for path in paths} if built else {}

    def answer(self, request: Request) -> Response | None:
        """The file or page at the request's path; None when there is neither."""
        path = request.url.path
        file = self._files.get(path)
        if file is None or path == INDEX:
            if _PAGE.fullmatch(path) is None and path != INDEX:
                return None
            self.refresh()
            path, file = INDEX, self._files.get(INDEX)
            if file is None:
                return None
        headers = {"ETag": file.etag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if path.startswith("/assets/"):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if path == INDEX:
            headers["Content-Security-Policy"] = self._policy_of(request.url.path, file)
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        body = file.plain
        for name, content in file.packed.items():
            if name in request.headers.get("accept-encoding", ""):
                body, headers["Content-Encoding"] = content, name
                break
        return Response(body, media_type=file.media_type, headers=headers)

    def _policy_of(self, page: str, index: WebFile) -> str:
        scripts = " ".join(_hash(script) for script in _INLINE.findall(index.plain))
        is_open = any(page == one or page.startswith(f"{one}/") for one in OPEN_PAGES)
        own_nodes = f" {_OWN_NODES}" if is_open else ""
        return f"{self._policy}{own_nodes}; script-src 'self' {scripts}".rstrip()


def install(app: FastAPI, settings: Settings) -> None:
    """Serve the build of `settings.web_folder` wherever no route answers; without a build nothing changes."""
    web = WebApp(settings.web_folder, policy_for(settings))
    not_found = app.router.default

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            found = web.answer(Request(scope))
        await (found or not_found)(scope, receive, send)

    app.router.default = serve


def policy_for(settings: Settings) -> str:
    """The Content-Security-Policy of the app's documents, up to the addresses that it may ask, which come last."""
    outside = (settings.public_rpc_url, settings.explorer_url, settings.sentry_dsn)
    public = urlsplit(settings.public_url)
    live = f"{'wss' if public.scheme == 'https' else 'ws'}://{public.netloc}"
    addresses = [live, *(_origin(address) for address in outside if address)]
    return (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self'; "
        "worker-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; "
        f"connect-src 'self' {' '.join(dict.fromkeys(addresses))}"
    )


def _origin(address: str) -> str:
    """`https://host:port` of an address, without user, path or query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _read(path: Path) -> WebFile:
    plain = path.read_bytes()
    packed = {
        name: Path(f"{path}{end}").read_bytes() for name, end in _PACKED.items() if Path(f"{path}{end}").is_file()
    }
    media_type = _OTHER_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return WebFile(media_type, f'"{sha256(plain).hexdigest()[:32]}"', plain, packed)


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(sha256(script).digest()).decode()}'"
