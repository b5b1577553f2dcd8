# SPDX-License-Identifier: Apache-2.0
"""Looks through every committed file for what does not belong there: secrets, machine paths, registry addresses, and
source files without an SPDX line. Prints each finding as file:line; exit code 1 when there is one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {".py", ".sol", ".sh", ".ts", ".tsx", ".js"}
LIMIT_BYTES = 2_000_000
# Spelled in pieces, so that this file does not find itself.
PATTERNS = {
    "a private key": re.compile("-----BEGIN (?:[A-Z]+ )?" + "PRIVATE KEY-----"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token": re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat|xox[abp]|npm)_[0-9A-Za-z_]{20,}"),
    "a credential in an address": re.compile(r"\bhttps?://[^\s/:@$<{]+:[^\s/@$<{]+@"),
    "a path of one machine": re.compile(r"(?<![\w.$~/-])/(?:root|home/[a-z]\w*|Users/\w+|work|tmp/w)/[\w.]"),
    "a registry address in a lock file": re.compile(r'"resolved":|--(?:extra-)?index-url|--find-links'),
}
LOCK_FILES = {"package-lock.json", "requirements.lock"}


def committed() -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(ROOT / name for name in names if name and (ROOT / name).is_file())


def findings(path: Path) -> Iterator[str]:
    """What does not belong into one file."""
    name = path.relative_to(ROOT)
    content = path.read_bytes()
    if len(content) > LIMIT_BYTES:
        yield f"{name}: {len(content)} bytes are too many for a committed file"
        return
    if b"\0" in content:
        return
    lines = content.decode(errors="replace").splitlines()
    if path.suffix in SOURCES and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        yield f"{name}:1: no SPDX line"
    for number, line in enumerate(lines, start=1):
        for what, pattern in PATTERNS.items():
            if "lock file" in what and path.name not in LOCK_FILES:
                continue
            if "credential" in what and name.parts[0] == "tests":
                continue  # tests of the refusal of such addresses
            if pattern.search(line):
                yield f"{name}:{number}: {what}"


def main() -> int:
    """0 when nothing was found."""
    found = [finding for path in committed() for finding in findings(path)]
    print("\n".join(found) if found else f"{len(committed())} files are clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
