# SPDX-License-Identifier: Apache-2.0
"""Whether the lock files fit what they lock, without asking a registry: every requirement is pinned within its range,
every pin has a hash, and `package-lock.json` names what `package.json` asks for, each with its integrity."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = {"os": "linux", "cpu": "x64"}


def python_problems() -> list[str]:
    """What is wrong between requirements.in and requirements.lock."""
    pins: dict[str, str] = {}
    problems = []
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements.lock").read_text().strip()):
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", block)
        if pin is None:
            problems.append(f"requirements.lock: not a pin: {block.splitlines()[0]}")
            continue
        pins[canonicalize_name(pin[1])] = pin[2]
        if "--hash=sha256:" not in block:
            problems.append(f"requirements.lock: {pin[1]} has no hash")
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        wanted = Requirement(line)
        version = pins.get(canonicalize_name(wanted.name))
        if version is None:
            problems.append(f"requirements.lock does not hold {wanted.name}: run scripts/lock")
        elif not wanted.specifier.contains(version, prereleases=True):
            problems.append(f"requirements.lock holds {wanted.name} {version}, asked for is {wanted.specifier}")
    return problems


def node_problems(folder: Path) -> list[str]:
    """What is wrong between package.json and package-lock.json of a folder."""
    wanted = json.loads((folder / "package.json").read_text())
    lock_file = folder / "package-lock.json"
    locked = json.loads(lock_file.read_text())["packages"]
    lock = lock_file.relative_to(ROOT)
    problems = []
    for kind in ("dependencies", "devDependencies", "optionalDependencies"):
        if wanted.get(kind, {}) != locked[""].get(kind, {}):
            problems.append(f"{lock}: other {kind} than package.json: run npm install")
    for name, package in locked.items():
        here = all(PLATFORM[key] in package.get(key, [PLATFORM[key]]) for key in PLATFORM)
        if name and here and not package.get("integrity"):
            problems.append(f"{lock}: {name} has no integrity")
        if "resolved" in package:
            problems.append(f"{lock}: {name} names an address")
    return problems


def main() -> int:
    """0 when lock files and requirements agree."""
    problems = [*python_problems(), *node_problems(ROOT), *node_problems(ROOT / "frontend")]
    print("\n".join(problems) if problems else "the lock files hold what is asked for")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
