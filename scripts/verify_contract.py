# SPDX-License-Identifier: Apache-2.0
"""Does the contract at an address run the code of these sources? `python -m scripts.verify_contract --help`.

The code on chain is compared byte by byte with the local build. Only the immutables may differ, and they are recomputed
from the deployment: the salt is the hash of the block before it, the domain separator follows from chain and address.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from scripts.contract_build import Build, build

Rpc = Callable[..., Any]
"""Calls one JSON-RPC method: `rpc("eth_getCode", address, "latest")`."""

DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
RPC_TIMEOUT_S = 30


class RpcRefused(RuntimeError):
    """The node answered with an error; the message is the node's."""


def http_rpc(url: str) -> Rpc:
    """JSON-RPC over HTTP. Calls raise `RpcRefused` when the node refuses, OSError when it is away."""
    if not url.startswith(("http://", "https://")):
        raise RpcRefused(f"{url} is not an HTTP address")

    def call(method: str, *parameters: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}).encode()
        request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=RPC_TIMEOUT_S) as answer:  # noqa: S310
            content = json.load(answer)
        if "error" in content:
            raise RpcRefused(f"{method}: {content['error']}")
        return content["result"]

    return call


def domain_separator(chain_id: int, address: str, salt: bytes) -> bytes:
    """EIP-712 domain separator of a log at `address` whose deployment block's parent has the hash `salt`."""
    names = keccak(b"GridX"), keccak(b"1")
    words = [keccak(DOMAIN_TYPE), *names, chain_id, address, salt]
    return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address", "bytes32"], words))


def code_differences(code: bytes, expected: Build, immutables: set[bytes]) -> list[str]:
    """How `code` differs from the build; `immutables` are the words that may stand where immutables go."""
    if len(code) != len(expected.runtime):
        return [f"code on chain has {len(code)} bytes, the local build {len(expected.runtime)}"]
    differences: list[str] = []
    plain = bytearray(code)
    for name, places in expected.immutables.items():
        words = {code[start : start + length] for start, length in places}
        if len(words) != 1 or not words <= immutables:
            shown = ", ".join("0x" + word.hex() for word in sorted(words))
            differences.append(f"immutable {name} is {shown}, which the deployment does not explain")
        for start, length in places:
            plain[start : start + length] = bytes(length)
    if bytes(plain) != expected.runtime:
        first = next(at for at, pair in enumerate(zip(plain, expected.runtime, strict=True)) if pair[0] != pair[1])
        differences.append(f"code on chain differs from the local build from byte {first} on")
    return differences


def verify(rpc: Rpc, record: Mapping[str, Any]) -> list[str]:
    """Differences between a deployment record and the chain behind `rpc`; empty when there are none."""
    chain_id = int(rpc("eth_chainId"), 16)
    if chain_id != record["chainId"]:
        return [f"the node is on chain {chain_id}, the record on {record['chainId']}"]
    genesis = rpc("eth_getBlockByNumber", "0x0", False)["hash"]
    if genesis != record["genesisHash"]:
        return [f"the chain's genesis block is {genesis}, the record's {record['genesisHash']}"]
    block = rpc("eth_getBlockByNumber", hex(record["blockNumber"]), False)
    if block is None or block["hash"] != record["blockHash"] or block["parentHash"] != record["parentHash"]:
        return [f"block {record['blockNumber']} is not the deployment block {record['blockHash']}"]
    code = bytes.fromhex(rpc("eth_getCode", record["address"], "latest")[2:])
    if not code:
        return [f"there is no contract at {record['address']}"]
    salt = bytes.fromhex(record["parentHash"][2:])
    predecessor = bytes.fromhex(record.get("predecessor", "0x" + "00" * 20)[2:])
    words = {
        salt,
        domain_separator(chain_id, record["address"], salt),
        chain_id.to_bytes(32, "big"),
        predecessor.rjust(32, b"\0"),
    }
    return code_differences(code, build(), words)


def main() -> int:
    """Exit code 0: the code is that of these sources; 1: it differs; 2: the node or the record cannot be read."""
    parser = argparse.ArgumentParser(description="Compare the deployed contract with the local build.")
    parser.add_argument("--record", type=Path, required=True, help="deployment record (JSON)")
    parser.add_argument("--rpc", required=True, help="HTTP address of a node")
    arguments = parser.parse_args()
    try:
        record = json.loads(arguments.record.read_text())
        differences = verify(http_rpc(arguments.rpc), record)
    except (OSError, ValueError, KeyError, RpcRefused) as problem:
        print(f"cannot compare: {problem}", file=sys.stderr)
        return 2
    for difference in differences:
        print(difference)
    if not differences:
        print(f"{record['address']}: the code on chain is that of the local build")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
