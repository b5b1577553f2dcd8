# SPDX-License-Identifier: Apache-2.0
"""Contract scanner: `python -m scripts.slither_check`.

Exit code 1 when slither finds what is neither mended nor explained. A finding is explained beside the code, by
`// slither-disable-next-line <check>: <why>`. Checks that speak of style and not of safety are left out here, with the
reason. slither lives in `.tools/slither`, installed once from its own hash-locked file, because it needs other versions
of libraries than the product.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from typing import Any

from scripts.contract_build import COMPILER_FOLDER, ROOT, standard_json

ENVIRONMENT = ROOT / ".tools" / "slither"
LOCK = ROOT / "scripts" / "slither" / "requirements.lock"
SCAN = ROOT / "scripts" / "slither" / "scan.py"
INSTALL_TIMEOUT_S = 900
SCAN_TIMEOUT_S = 900

LEFT_OUT = {
    "assembly": "assembly is where gas is measured: the history entry, the order's hash, the fast path of pairs",
    "naming-convention": "immutables are written in capitals like constants, after the style of OpenZeppelin 5",
    "pragma": "the libraries of OpenZeppelin state a range of versions; all are compiled by one",
    "solc-version": "the compiler is pinned in ape-config.yaml",
    "timestamp": "expiry, delivery and effect of factors are times by nature; seconds of a validator decide nothing",
}


class ScanFailed(RuntimeError):
    """slither could not be installed or did not run; the message says why."""


def install() -> None:
    """Make slither's environment, unless it was made from the same lock file."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "installed.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    command = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--require-hashes", "--no-deps", "-r", str(LOCK)],
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ScanFailed(f"slither could not be installed: {done.stderr.strip()}")
    stamp.write_text(digest)


def scan() -> list[dict[str, Any]]:
    """Every finding in our contracts that no comment explains."""
    source = standard_json()
    version = f"solc-v{_pinned_version()}"
    done = subprocess.run(
        [str(ENVIRONMENT / "bin" / "python"), str(SCAN), str(COMPILER_FOLDER / version)],
        input=json.dumps(source),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SCAN_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ScanFailed(f"slither did not run: {done.stderr.strip()[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def _pinned_version() -> str:
    lines = (ROOT / "ape-config.yaml").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.strip().startswith("version:"))


def main() -> int:
    """0: nothing to mend; 1: findings, printed; 2: slither could not run."""
    try:
        install()
        found = [item for item in scan() if item["check"] not in LEFT_OUT]
    except (ScanFailed, subprocess.TimeoutExpired, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    for item in found:
        print(f"{item['place']}: {item['check']} ({item['impact']}): {item['text'][:300]}")
    print(f"slither: {len(found)} findings; left out: {', '.join(LEFT_OUT)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
