# SPDX-License-Identifier: Apache-2.0
"""`gridx doctor`: what this machine lacks, and how to get it. Standard library only, so that it runs before set-up."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NEEDED_DISK_GB = 5
NEEDED_MEMORY_GB = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `cure` says what to do when it is not well."""

    name: str
    well: bool
    what: str
    cure: str = ""
    required: bool = True


def _version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else ""


def _machine() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("Python 3.11", sys.version_info[:2] == (3, 11), version, "apt-get install python3.11 python3-venv")
    has_venv = _version([sys.executable, "-c", "import ensurepip, venv; print('found')"])
    yield Finding("Python venv", bool(has_venv), has_venv or "missing", "apt-get install python3-venv")
    node = _version(["node", "--version"])
    enough = node.startswith("v") and int(node[1:].split(".")[0]) >= 20
    yield Finding("Node 20", enough, node or "missing", "https://nodejs.org, or apt-get install nodejs npm")
    npm = _version(["npm", "--version"])
    yield Finding("npm", bool(npm), npm or "missing", "it comes with Node, or apt-get install npm")
    yield Finding("make", shutil.which("make") is not None, shutil.which("make") or "missing", "apt-get install make")
    openmp = find_library("gomp")
    cure = "apt-get install libgomp1, which LightGBM needs"
    yield Finding("OpenMP", openmp is not None, openmp or "missing", cure, required=False)
    known = platform.machine() == "x86_64" and platform.system() == "Linux"
    found = f"{platform.system()} {platform.machine()}"
    yield Finding("Linux x86-64", known, found, "other machines: use docker-compose.yml", required=False)
    free = shutil.disk_usage(ROOT).free / 2**30
    yield Finding("disk", free >= NEEDED_DISK_GB, f"{free:.0f} GiB free", f"make room for {NEEDED_DISK_GB} GiB")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cure = f"{NEEDED_MEMORY_GB} GiB are needed"
    yield Finding("memory", memory >= NEEDED_MEMORY_GB, f"{memory:.0f} GiB", cure, required=False)


def _prepared() -> Iterator[Finding]:
    for name, path in (
        ("Python packages", ROOT / ".venv" / "gridx.stamp"),
        ("node packages", ROOT / "node_modules" / ".gridx.stamp"),
        ("compiled contracts", ROOT / ".build" / "contracts.stamp"),
        ("web app", ROOT / "frontend" / "dist" / "index.html"),
    ):
        yield Finding(name, path.exists(), "prepared" if path.exists() else "not prepared", "make setup")
    browser = os.environ.get("GRIDX_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    cure = "apt-get install chromium, or name one in GRIDX_CHROMIUM; only the tests of the web app need it"
    yield Finding("Chromium", bool(browser), browser or "missing", cure, required=False)
    anvil = list((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    yield Finding("anvil", bool(anvil), _version([str(anvil[0]), "--version"]) if anvil else "missing", "make setup")


def _stack() -> Iterator[Finding]:
    secrets = ROOT / ".gridx" / "secrets"
    if secrets.exists():
        mode = secrets.stat().st_mode & 0o777
        yield Finding("secrets", mode == 0o600, f".gridx/secrets has mode {mode:o}", "chmod 600 .gridx/secrets")
    for name, port in (("API", 3001), ("chain", 8545), ("AI", 8000)):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        running = (ROOT / ".gridx" / "run.json").exists()
        what = f"port {port} is {'taken' if taken else 'free'}"
        cure = f"another program listens there; GRIDX_{name.upper()}_PORT chooses another port"
        yield Finding(f"{name} port", running or not taken, what, cure, required=False)


def main() -> int:
    """Print findings; 1 when something required is missing."""
    findings = [*_machine(), *_prepared(), *_stack()]
    for finding in findings:
        sign = "ok     " if finding.well else "MISSING" if finding.required else "note   "
        cure = "" if finding.well else f"  ->  {finding.cure}"
        print(f"{sign}  {finding.name:<20} {finding.what}{cure}")
    return 1 if any(finding.required and not finding.well for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
