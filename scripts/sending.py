# SPDX-License-Identifier: Apache-2.0
"""One contract creation, sent so that a stop at any moment cannot make two contracts.

The signed transaction is written beside the deployment record before it reaches a node. A later run finds it and goes
on with it: the same bytes are sent again, and a nonce is used once, so that at most one contract can come of them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from scripts.verify_contract import Rpc, RpcRefused

POLL_S = 0.5
MINED_WITHIN_S = 600


class DeploymentRefused(RuntimeError):
    """The deployment was not made, or is not what its record says; the message says why."""


def sent_file(record: Path) -> Path:
    """Where the transaction of an unfinished deployment waits, beside its record."""
    return record.with_suffix(".sent.json")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    with partial.open("w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def signed_creation(account: Any, container: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The creation of `container`'s contract, signed by an ape account: `transactionHash`, `sender`, `nonce`, `raw`."""
    transaction = container(*arguments)
    transaction.sender = account.address
    signed = account.sign_transaction(account.prepare_transaction(transaction))
    if signed is None:
        raise DeploymentRefused(f"{account.address} did not sign the deployment")
    raw = bytes(signed.serialize_transaction())
    return {
        "transactionHash": "0x" + keccak(raw).hex(),
        "sender": str(account.address),
        "nonce": signed.nonce,
        "raw": "0x" + raw.hex(),
    }


def unfinished(rpc: Rpc, path: Path, *, local: bool) -> dict[str, Any] | None:
    """The transaction that an earlier run has left; on the local chain one for a chain that is gone is void.

    Raises DeploymentRefused when it is for another chain.
    """
    waiting = sent_file(path)
    if not waiting.exists():
        return None
    sent: dict[str, Any] = json.loads(waiting.read_text())
    if sent["genesisHash"] == rpc("eth_getBlockByNumber", "0x0", False)["hash"]:
        return sent
    if local:
        waiting.unlink()
        return None
    raise DeploymentRefused(f"{waiting} is of the chain with genesis {sent['genesisHash']}; this node is on another")


def mined(rpc: Rpc, path: Path, sent: Mapping[str, Any], *, confirmations: int) -> dict[str, Any]:
    """The receipt of the stored transaction, sent (again) and waited for. Raises DeploymentRefused.

    `confirmations` counts the blocks above the one that holds it.
    """
    name = sent["transactionHash"]
    _broadcast(rpc, path, sent)
    give_up = time.monotonic() + MINED_WITHIN_S
    while time.monotonic() < give_up:
        receipt: dict[str, Any] | None = rpc("eth_getTransactionReceipt", name)
        if receipt is not None:
            if int(receipt["status"], 16) != 1:
                raise DeploymentRefused(f"{name} was mined and reverted; remove {sent_file(path)} and deploy anew")
            if int(rpc("eth_blockNumber"), 16) - int(receipt["blockNumber"], 16) >= confirmations:
                return receipt
        time.sleep(POLL_S)
    raise DeploymentRefused(
        f"{name} (nonce {sent['nonce']} of {sent['sender']}) has not {confirmations} confirmations after "
        f"{MINED_WITHIN_S} s; run this again to go on waiting for it"
    )


def _broadcast(rpc: Rpc, path: Path, sent: Mapping[str, Any]) -> None:
    """Give the node the transaction unless it knows it already."""
    name = sent["transactionHash"]
    if rpc("eth_getTransactionByHash", name) is not None:
        return
    used = int(rpc("eth_getTransactionCount", sent["sender"], "latest"), 16)
    if used > sent["nonce"]:
        raise DeploymentRefused(
            f"the node does not know {name}, and {sent['sender']} has used its nonce {sent['nonce']} for another "
            f"transaction: this deployment can no longer happen. Look at that transaction in an explorer; if it made "
            f"no contract, remove {sent_file(path)} and deploy anew"
        )
    try:
        rpc("eth_sendRawTransaction", sent["raw"])
    except RpcRefused as problem:
        raise DeploymentRefused(
            f"the node does not take {name}: {problem}. It was not mined; mend the cause and run this again, or "
            f"remove {sent_file(path)} to sign another one"
        ) from problem
