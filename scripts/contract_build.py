# SPDX-License-Identifier: Apache-2.0
"""The compiled contract: its ABI file, its standard JSON, and its runtime code with the places of its immutables.

ape compiles the contracts for deployment and tests. Explorers want the compiler's own standard JSON, and comparing a
deployed contract with the local build needs the places of the immutables, which ape does not keep; both come from here,
with the same sources and settings (read from `ape-config.yaml`), cached by the hash of the input under `.build/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ABI_FILE = CONTRACTS / "abi" / "EnergyTradeLog.json"
COMPILER_FOLDER = ROOT / "scripts" / "solc"
CACHE = ROOT / ".build" / "standard-json"
APE_MANIFEST = ROOT / ".build" / "__local__.json"
SOURCES_SEEN = ROOT / ".build" / "sources.sha256"
SOURCE = "contracts/EnergyTradeLog.sol"
NAME = "EnergyTradeLog"
COMPILER_TIMEOUT_S = 300
IMPORT = re.compile(r'^import\s+(?:[^";]*\sfrom\s+)?"([^"]+)"\s*;', re.MULTILINE)


class CompilationFailed(RuntimeError):
    """The compiler refused the sources; the message is the compiler's."""


@dataclass(frozen=True, slots=True)
class Build:
    """What the compiler says of `EnergyTradeLog`.

    `runtime` is the deployed code with zeros where immutables go; `immutables` maps each immutable to its byte ranges
    `(start, length)`; `standard_json` is the compiler input from which anyone gets the same code.
    """

    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes
    immutables: dict[str, tuple[tuple[int, int], ...]]
    standard_json: dict[str, Any]


def prepare_ape() -> None:
    """Before ape is used: point py-solc-x to the compiler of the npm package, unless a folder was chosen already, and
    drop what ape compiled from other sources. ape recompiles a changed file, but not the contracts that inherit it."""
    os.environ.setdefault("SOLCX_BINARY_PATH", str(COMPILER_FOLDER))
    digest = hashlib.sha256()
    for path in sorted([*CONTRACTS.rglob("*.sol"), ROOT / "ape-config.yaml", ROOT / "package-lock.json"]):
        digest.update(path.read_bytes())
    if not SOURCES_SEEN.exists() or SOURCES_SEEN.read_text() != digest.hexdigest():
        APE_MANIFEST.unlink(missing_ok=True)
        SOURCES_SEEN.parent.mkdir(parents=True, exist_ok=True)
        SOURCES_SEEN.write_text(digest.hexdigest())


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and a final newline: the same value gives the same bytes."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def abi_text(abi: list[dict[str, Any]]) -> str:
    """The text of the ABI file: entries sorted by type, name and input types."""

    def key(entry: dict[str, Any]) -> tuple[str, str, str]:
        types = ",".join(item["type"] for item in entry.get("inputs", []))
        return entry["type"], entry.get("name", ""), types

    return canonical_json(sorted(abi, key=key))


def abi_hash() -> str:
    """SHA-256 of the committed ABI file, as 0x-hex."""
    return "0x" + hashlib.sha256(ABI_FILE.read_bytes()).hexdigest()


def solidity_settings() -> dict[str, Any]:
    """Compiler settings as `ape-config.yaml` gives them, in the words of standard JSON."""
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    return {
        "evmVersion": config["evm_version"],
        "viaIR": config["via_ir"],
        "optimizer": {"enabled": config["optimize"], "runs": config["optimization_runs"]},
        "remappings": list(config["import_remapping"]),
    }


def _imports(name: str, found: dict[str, str]) -> None:
    """Collect `name` and all it imports into `found`, under the names that the compiler uses."""
    if name in found:
        return
    text = (ROOT / name).read_text()
    found[name] = text
    for target in IMPORT.findall(text):
        if target.startswith("."):
            target = os.path.normpath(Path(name).parent / target)
        elif target.startswith("@openzeppelin/"):
            target = f"node_modules/{target}"
        _imports(target, found)


def standard_json() -> dict[str, Any]:
    """Compiler input of `EnergyTradeLog`: its sources and those they import, and nothing else."""
    found: dict[str, str] = {}
    _imports(SOURCE, found)
    settings = solidity_settings()
    settings["outputSelection"] = {
        SOURCE: {NAME: ["abi", "evm.bytecode.object", "evm.deployedBytecode", "metadata"]},
    }
    return {
        "language": "Solidity",
        "sources": {name: {"content": found[name]} for name in sorted(found)},
        "settings": settings,
    }


def compile_standard_json(source: dict[str, Any]) -> dict[str, Any]:
    """Run the compiler on standard JSON. Raises `CompilationFailed` with what it says."""
    version = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]["version"]
    done = subprocess.run(
        [str(COMPILER_FOLDER / f"solc-v{version}"), "--standard-json"],
        input=json.dumps(source).encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=COMPILER_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise CompilationFailed(done.stderr.decode(errors="replace"))
    output: dict[str, Any] = json.loads(done.stdout)
    errors = [item["formattedMessage"] for item in output.get("errors", []) if item["severity"] == "error"]
    if errors:
        raise CompilationFailed("\n".join(errors))
    return output


@cache
def build() -> Build:
    """The compiled contract, from the cache when the sources and settings are the same."""
    source = standard_json()
    key = hashlib.sha256(canonical_json(source).encode()).hexdigest()
    cached = CACHE / f"{key}.json"
    if cached.exists():
        output = json.loads(cached.read_text())
    else:
        output = compile_standard_json(source)["contracts"][SOURCE][NAME]
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(output))
        partial.replace(cached)
    deployed = output["evm"]["deployedBytecode"]
    return Build(
        abi=output["abi"],
        creation=bytes.fromhex(output["evm"]["bytecode"]["object"]),
        runtime=bytes.fromhex(deployed["object"]),
        immutables={
            name: tuple((place["start"], place["length"]) for place in places)
            for name, places in deployed["immutableReferences"].items()
        },
        standard_json=source,
    )
