# SPDX-License-Identifier: Apache-2.0
"""Prepare a fresh machine: virtual environment from the hash-locked file, node packages, contracts, web app, browser.

Runs on the bare Python 3.11 of the machine, standard library only. Each part is skipped while its inputs are what they
were when it was last done. `gridx doctor` says what is missing.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
WEB = ROOT / "frontend"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MINIMUM_NODE = 20


class SetupFailed(RuntimeError):
    """Something is missing or went wrong; the message says what to do."""


def fingerprint(paths: Iterable[Path], *words: str) -> str:
    """Hash of the files' names and contents and of further words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def once(label: str, stamp: Path, value: str, work: Callable[[], None]) -> bool:
    """Do `work` unless the stamp holds `value`; return whether it was done."""
    if stamp.exists() and stamp.read_text() == value:
        return False
    started = time.monotonic()
    print(f"setup: {label} …", flush=True)
    stamp.unlink(missing_ok=True)
    work()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value)
    print(f"setup: {label} done in {time.monotonic() - started:.1f} s", flush=True)
    return True


def run(command: list[str], *, hint: str, extra: Mapping[str, str] | None = None, folder: Path = ROOT) -> None:
    """Run quietly in `folder`; raise SetupFailed with the output and a hint when it fails."""
    environment = {**os.environ, **(extra or {})}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        output = "\n".join(lines if len(lines) <= 30 else [*lines[:15], "…", *lines[-15:]])
        raise SetupFailed(f"{' '.join(command[:4])} … failed ({done.returncode})\n{output}\n{hint}")


def require_tools() -> None:
    """Raise SetupFailed when Python or Node are not those that GridX needs."""
    if sys.version_info[:2] != (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupFailed(f"Python 3.11 is needed, this is {found}: apt-get install python3.11 python3-venv")
    if not (shutil.which("node") and shutil.which("npm")):
        raise SetupFailed("Node 20 with npm is needed: see https://nodejs.org or apt-get install nodejs npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < MINIMUM_NODE:
        raise SetupFailed(f"Node {MINIMUM_NODE} or later is needed, this is {version.strip()}")


def locked(name: str) -> str:
    """The lines of one package in the lock file: version and hashes."""
    found = re.search(rf"^{re.escape(name)}==.*(?:\n    --hash=.*)+", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise SetupFailed(f"{LOCK.name} does not hold {name}: run scripts/lock")
    return found.group(0) + "\n"


def pip_settings() -> dict[str, str]:
    """uv does not read pip's configuration: hand over the index that pip was told to use, if any."""
    settings = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    for name, target in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        if target in os.environ:
            continue
        for level in ("global", "user", "site", "install", ":env:"):
            command = [str(PYTHON), "-m", "pip", "config", "get", f"{level}.{name}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip():
                settings[target] = done.stdout.strip()
    return settings


def make_environment() -> None:
    """Install exactly what the lock file names, then the project itself."""
    current = VENV / "bin" / "python"
    if not current.exists() or not (VENV / "bin" / "pip").exists():
        hint = "The module venv is incomplete: apt-get install python3-venv"
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], hint=hint)
    hint = "Is the package index reachable? `pip config list` shows the one in use."
    only_uv = VENV / "uv.lock"
    only_uv.write_text(locked("uv"))
    pip = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--no-deps",
        "--disable-pip-version-check",
    ]
    run([*pip, "-r", str(only_uv)], hint=hint)
    uv = [str(VENV / "bin" / "uv"), "pip"]
    target = ["--python", str(PYTHON)]
    try:
        sync = [*uv, "sync", "--quiet", "--compile-bytecode", "--require-hashes", *target, str(LOCK)]
        run(sync, hint=hint, extra=pip_settings())
    except SetupFailed as problem:
        print(f"setup: uv could not install ({str(problem).splitlines()[-2]}), trying pip …", flush=True)
        run([*pip, "-r", str(LOCK)], hint=hint)
    (ROOT / ".build").mkdir(exist_ok=True)
    project = [*uv, "install", "--quiet", *target, "--no-deps", "--no-build-isolation", "--offline", "--no-cache"]
    run([*project, "--config-settings", "editable_mode=compat", "-e", str(ROOT)], hint="")


def install_node_packages(folder: Path = ROOT) -> None:
    """npm ci without anyone's install scripts: the packages bring ready binaries."""
    hint = "Is the npm registry reachable? `npm config get registry` shows the one in use."
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], hint=hint, folder=folder)


def build_web_app() -> None:
    """The files that the backend serves at `/`."""
    run(["npm", "run", "build"], hint="Does `npm run types` in frontend/ pass?", folder=WEB)


def web_sources() -> list[Path]:
    """What the build of the web app is made from."""
    single = [WEB / name for name in ("index.html", "vite.config.ts", "tsconfig.json", "package-lock.json")]
    return [*single, *(path for part in ("src", "public") for path in (WEB / part).rglob("*") if path.is_file())]


def install_browser() -> None:
    """Chromium for the tests of the web app, as Debian's package; says what to do where that is not possible."""
    if os.environ.get("GRIDX_CHROMIUM") or any(map(shutil.which, BROWSERS)):
        return
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        print(
            "setup: no Chromium was found; the tests of the web app need one. Run `apt-get install chromium` as root, "
            "or name one in GRIDX_CHROMIUM. Everything else works without it."
        )
        return
    print("setup: Chromium …", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    hint = "The tests of the web app need Chromium: apt-get install chromium, or name one in GRIDX_CHROMIUM"
    install = [apt, "install", "-y", "-q", "--no-install-recommends", "chromium"]
    try:
        run(install, hint=hint, extra=quiet)
    except SetupFailed:
        run([apt, "update", "-q"], hint=hint, extra=quiet)
        run(install, hint=hint, extra=quiet)


def compile_contracts() -> None:
    """Fill the caches of the compiler, so that deploying and testing start at once."""
    compiler = {"SOLCX_BINARY_PATH": os.environ.get("SOLCX_BINARY_PATH", str(ROOT / "scripts" / "solc"))}
    prepare = [str(PYTHON), "-c", "from scripts.contract_build import prepare_ape; prepare_ape()"]
    run(prepare, hint="Are the contracts complete?", extra=compiler)
    commands = [
        [str(VENV / "bin" / "ape"), "compile"],
        [str(PYTHON), "-c", "from scripts.contract_build import build; build()"],
    ]
    with ThreadPoolExecutor(len(commands)) as side_by_side:
        list(side_by_side.map(lambda command: run(command, hint="Do the contracts compile?", extra=compiler), commands))


def prepare_web() -> bool:
    """The web app's packages and its build."""
    files = [WEB / "package.json", WEB / "package-lock.json"]
    stamp = WEB / "node_modules" / ".gridx.stamp"
    done = once("packages of the web app", stamp, fingerprint(files), lambda: install_node_packages(WEB))
    built = WEB / "node_modules" / ".gridx-build.stamp"
    if not (WEB / "dist" / "index.html").exists():
        built.unlink(missing_ok=True)
    return once("web app", built, fingerprint(web_sources()), build_web_app) or done


def main() -> int:
    """Prepare what is not prepared; 0 when everything is there."""
    started = time.monotonic()
    try:
        require_tools()
        machine = (sys.version, os.uname().machine, str(ROOT))
        done = once(
            "Python packages",
            VENV / "gridx.stamp",
            fingerprint([LOCK, ROOT / "pyproject.toml"], *machine),
            make_environment,
        )
        node_files = [ROOT / "package.json", ROOT / "package-lock.json"]
        done |= once(
            "node packages", ROOT / "node_modules" / ".gridx.stamp", fingerprint(node_files), install_node_packages
        )
        sources = [*ROOT.glob("contracts/**/*.sol"), ROOT / "ape-config.yaml", *node_files]
        done |= once("contracts", ROOT / ".build" / "contracts.stamp", fingerprint(sources), compile_contracts)
        done |= prepare_web()
        if "--without-browser" not in sys.argv:
            install_browser()
    except SetupFailed as problem:
        print(f"setup failed: {problem}", file=sys.stderr)
        return 1
    if done:
        print(f"setup: ready after {time.monotonic() - started:.0f} s; {VENV / 'bin' / 'gridx'} --help says more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
