# SPDX-License-Identifier: Apache-2.0
"""`make mutants`: plants each bug of `planted.py` in a copy of the tree; what it names must catch it.

Prints a table and exits with 1 when a bug survives, 2 when a catcher fails without any bug. `--only WORD` tries bugs
whose names hold the word.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.embedded.process import ROOT
from tests.faults.planted import BUGS, Bug
from tests.faults.planted_market import MARKET_BUGS
from tests.faults.planted_orders import ORDER_BUGS
from tests.faults.planted_relayer import RELAYER_BUGS

LINKED = ("node_modules", ".build", ".tools", ".venv")
TIMEOUT_S = 900
CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "CANNOT RUN"


def copy_tree(target: Path) -> None:
    """The sources as they are now, committed or not; what was installed or compiled is linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source, copied = ROOT / name, target / name
        if source.is_file():
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied)
    for name in LINKED:
        if (ROOT / name).exists():
            (target / name).symlink_to(ROOT / name)


def plant(tree: Path, bug: Bug) -> dict[Path, str]:
    """Change the files; returns what they said before. Raises ValueError when an old text is not there once."""
    before: dict[Path, str] = {}
    for name, old, new in bug.changes:
        path = tree / name
        said = path.read_text()
        if said.count(old) != 1:
            raise ValueError(f"{name} holds {said.count(old)} times: {old.strip()}")
        before.setdefault(path, said)
        path.write_text(said.replace(old, new))
        compile(path.read_text(), str(path), "exec")
    return before


def run(tree: Path, catcher: str) -> tuple[int, str]:
    """Exit code and output of a catcher in `tree`: 0 nothing was found, 1 something was."""
    environment = {name: value for name, value in os.environ.items() if name not in ("SEED", "PYTEST_ADDOPTS")}
    environment |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    if catcher.startswith("seed:"):
        _, seed, count = catcher.split(":")
        command = ["-m", "tests.faults", "--seed", seed, "--runs", count]
    else:
        command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", catcher]
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def judge(tree: Path, bug: Bug) -> tuple[str, str]:
    """Whether the bug was caught, and the catcher's output."""
    try:
        before = plant(tree, bug)
    except (ValueError, SyntaxError) as error:
        return BROKEN, str(error)
    try:
        code, said = run(tree, bug.catcher)
    finally:
        for path, text in before.items():
            path.write_text(text)
    found = code == 1 and ("broke:" in said if bug.catcher.startswith("seed:") else " failed" in said)
    return (CAUGHT if found else SURVIVED if code == 0 else BROKEN), said


def main() -> int:
    """Plant and judge, one by one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-baseline", action="store_true", help="skip the catchers' runs without a bug")
    given = parser.parse_args()
    bugs = [bug for bug in (*BUGS, *MARKET_BUGS, *ORDER_BUGS, *RELAYER_BUGS) if given.only in bug.name]
    folder = Path(tempfile.mkdtemp(prefix="gridx-mutants-"))
    try:
        copy_tree(folder)
        if not given.no_baseline:
            for catcher in sorted({bug.catcher for bug in bugs}):
                code, said = run(folder, catcher)
                if code != 0:
                    print(f"{catcher} fails without any bug:\n{said[-3000:]}")
                    return 2
        outcomes = []
        for bug in bugs:
            started = time.monotonic()
            outcome, said = judge(folder, bug)
            outcomes.append(outcome)
            print(f"{outcome:<10}  {time.monotonic() - started:5.0f} s  {bug.name:<52}  {bug.catcher}", flush=True)
            if outcome != CAUGHT:
                print(said[-2000:])
        print(f"{outcomes.count(CAUGHT)} of {len(outcomes)} planted bugs were caught")
        return 0 if set(outcomes) <= {CAUGHT} else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
