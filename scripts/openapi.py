# SPDX-License-Identifier: Apache-2.0
"""The web app's view of the API: `frontend/src/shared/api/schema.d.ts`, out of the backend's OpenAPI document.

The file is not kept with the sources: `scripts/check` and `npm run api` make it from the backend as it stands.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from backend.api.app import create_app
from backend.core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
TARGET = FRONTEND / "src" / "shared" / "api" / "schema.d.ts"
_HEAD = (
    "// SPDX-License-Identifier: Apache-2.0\n"
    "// Written by scripts/openapi.py from the backend; change the backend, then write it anew.\n"
)


def document() -> str:
    """The backend's OpenAPI document as JSON; no server is asked, so the addresses need not exist."""
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    settings = Settings(
        database_url=nowhere,
        database_service_url=nowhere,
        database_audit_url=nowhere,
        redis_url="redis://127.0.0.1:1",
        rpc_url=("http://127.0.0.1:1",),
        signing_key="",
        operator_key="",
    )
    return json.dumps(create_app(settings).openapi(), sort_keys=True)


def types_of(openapi: str) -> str:
    """TypeScript types of the document, by openapi-typescript."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "openapi.json", Path(folder) / "schema.d.ts"
        source.write_text(openapi)
        command = [str(FRONTEND / "node_modules" / ".bin" / "openapi-typescript"), str(source), "-o", str(target)]
        subprocess.run(command, cwd=FRONTEND, check=True, capture_output=True, text=True)
        return _HEAD + target.read_text()


def main() -> int:
    """Write the types."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(types_of(document()))
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
