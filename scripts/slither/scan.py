# SPDX-License-Identifier: Apache-2.0
"""Runs slither over standard JSON: `scan.py SOLC < standard.json`, inside slither's own environment.

slither's command line asks the compiler for output that the WebAssembly build does not give; its Python interface takes
standard JSON. Prints the findings in our contracts as JSON lines, and comments that explain a finding that is no more.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from crytic_compile import CryticCompile
from crytic_compile.platform.solc_standard_json import SolcStandardJson
from slither import Slither
from slither.detectors import all_detectors
from slither.detectors.abstract_detector import AbstractDetector

OURS = "contracts/"


def analyse(source: dict[str, Any], solc: str) -> Slither:
    """slither's view of the contracts, with every detector registered."""
    standard = SolcStandardJson()
    for name in source["sources"]:
        standard.add_source_file(name)
    for remapping in source["settings"]["remappings"]:
        standard.add_remapping(remapping)
    settings = standard.to_dict()["settings"]
    settings |= {name: source["settings"][name] for name in ("viaIR", "optimizer", "evmVersion")}
    slither = Slither(CryticCompile(standard, solc=solc, solc_working_dir=str(Path.cwd())))
    for item in vars(all_detectors).values():
        if inspect.isclass(item) and issubclass(item, AbstractDetector):
            slither.register_detector(item)
    return slither


def main() -> int:
    """One JSON line for each finding: check, impact, place, text."""
    slither = analyse(json.load(sys.stdin), sys.argv[1])
    for results in slither.run_detectors():
        for found in results:
            place = found["first_markdown_element"]
            if place.startswith(OURS):
                text = " ".join(found["description"].split())
                print(json.dumps({"check": found["check"], "impact": found["impact"], "place": place, "text": text}))
    for comment in slither.get_unused_ignore_comments():
        place = f"{comment['file']}#{comment['line']}"
        if "node_modules" not in place:
            names = ", ".join(comment["unused_detectors"])
            text = f"the comment explains {names}, which is not found there any more"
            print(json.dumps({"check": "unused-comment", "impact": "Low", "place": place, "text": text}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
