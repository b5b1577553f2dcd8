# SPDX-License-Identifier: Apache-2.0
"""The API's documentation as a page: Swagger UI, served by us, its one inline script allowed by its hash."""

import base64
import re
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from backend.api.middleware import SECURITY_HEADERS

SWAGGER = Path(__file__).parents[2] / "node_modules" / "swagger-ui-dist"
_POLICY = "Content-Security-Policy"
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Serve /api/docs; without the npm package there is no page."""
    if not SWAGGER.is_dir():
        return
    page = bytes(
        get_swagger_ui_html(
            openapi_url="/api/openapi.json",
            title="GridX API",
            swagger_js_url="/api/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/api/docs/assets/swagger-ui.css",
            swagger_favicon_url="/api/docs/assets/favicon-32x32.png",
        ).body
    )
    headers = {_POLICY: f"{SECURITY_HEADERS[_POLICY]}; script-src 'self' {' '.join(map(_hash, _INLINE.findall(page)))}"}
    app.mount("/api/docs/assets", StaticFiles(directory=SWAGGER), name="swagger")

    @app.get("/api/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)


def _hash(script: bytes) -> str:
    return f"'sha256-{base64.b64encode(sha256(script).digest()).decode()}'"
