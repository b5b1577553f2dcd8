# SPDX-License-Identifier: Apache-2.0
"""Secrets of a local stack: made once, kept in a file that only its owner reads."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

APPLICATION = ("GRIDX_SIGNING_KEY", "GRIDX_OPERATOR_KEY")


def _seed() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _scalar() -> str:
    """A secp256k1 key below the group's order: 31 random bytes are always in range."""
    return "00" + (secrets.randbits(248) | 1).to_bytes(31, "big").hex()


def _password() -> str:
    return secrets.token_hex(24)


def _api_key() -> str:
    return "gxk_" + secrets.token_urlsafe(32)


MAKERS: dict[str, Callable[[], str]] = {
    "GRIDX_SIGNING_KEY": _seed,
    "GRIDX_OPERATOR_KEY": _scalar,
    "GRIDX_RELAYER_KEY": _scalar,
    "GRIDX_AI_SERVICE_KEY": _api_key,
    "GRIDX_POSTGRES_PASSWORD": _password,
    "GRIDX_OWNER_PASSWORD": _password,
    "GRIDX_API_PASSWORD": _password,
    "GRIDX_SERVICE_PASSWORD": _password,
    "GRIDX_AUDIT_PASSWORD": _password,
    "GRIDX_MODELS_PASSWORD": _password,
    "GRIDX_REDIS_PASSWORD": _password,
}


class SecretsMissing(RuntimeError):
    """External servers are configured and secrets are not; the message names them."""


def read_or_make(path: Path) -> dict[str, str]:
    """Secrets by name from `path` (NAME=value lines); missing ones are made and written, mode 0600."""
    found: dict[str, str] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            name, separator, value = line.partition("=")
            if separator and not line.startswith("#"):
                found[name.strip()] = value.strip()
    missing = [name for name in MAKERS if name not in found]
    if not missing:
        return found
    found |= {name: MAKERS[name]() for name in missing}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("# Secrets of this local stack. Never commit or share this file.\n")
        file.writelines(f"{name}={value}\n" for name, value in found.items())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return found


def require(environment: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Raise SecretsMissing naming every setting of `names` that the environment lacks."""
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SecretsMissing(f"external servers are configured, so these must be set too: {', '.join(missing)}")
