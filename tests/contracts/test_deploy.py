# SPDX-License-Identifier: Apache-2.0
"""The deploy and verify scripts, each run as its user runs it, on chains of their own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from scripts.contract_build import ABI_FILE, ROOT, abi_hash, abi_text, build, compile_standard_json
from scripts.embedded.anvil import Anvil, accounts
from scripts.verify_contract import code_differences, http_rpc, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALIAS, HEIR, PASSPHRASE = "deployer", "heir", "for this test only"
IMPORT_ACCOUNT = "import sys; from ape_accounts import import_account_from_private_key as i; i(*sys.argv[1:])"


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """A local chain."""
    running = Anvil()
    running.start()
    yield running
    running.stop()


def _run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def deployed(node: Anvil, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The record file of a first deployment on the local chain, and its content."""
    path = tmp_path_factory.mktemp("deployment") / "local.json"
    done = _run("scripts.deploy", "--network", "local", "--rpc", node.rpc_url, "--out", str(path))
    assert done.returncode == 0, done.stderr
    return path, json.loads(path.read_text())


def test_deploy__fresh_local_chain__records_everything(node: Anvil, deployed: tuple[Path, dict[str, Any]]) -> None:
    record = deployed[1]
    rpc = http_rpc(node.rpc_url)

    block = rpc("eth_getBlockByNumber", hex(record["blockNumber"]), False)
    assert (record["network"], record["chainId"]) == ("local", 31337)
    assert record["genesisHash"] == rpc("eth_getBlockByNumber", "0x0", False)["hash"]
    assert (record["blockHash"], record["parentHash"]) == (block["hash"], block["parentHash"])
    assert record["abiHash"] == "0x" + hashlib.sha256(ABI_FILE.read_bytes()).hexdigest()
    assert list(record["roles"].values()) == [item.address for item in accounts(5)]
    assert verify(rpc, record) == []


def test_deploy__again__changes_nothing(node: Anvil, deployed: tuple[Path, dict[str, Any]]) -> None:
    path, record = deployed
    head = http_rpc(node.rpc_url)("eth_blockNumber")

    done = _run("scripts.deploy", "--network", "local", "--rpc", node.rpc_url, "--out", str(path))

    assert json.loads(done.stdout) == record == json.loads(path.read_text())
    assert http_rpc(node.rpc_url)("eth_blockNumber") == head


def test_deploy__wrong_chain_or_unconfirmed_mainnet__is_refused(node: Anvil, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    common = ("--rpc", node.rpc_url, "--out", str(path))

    mainnet = _run("scripts.deploy", "--network", "polygon", *common)
    other = _run("scripts.deploy", "--network", "amoy", *common)

    assert (mainnet.returncode, other.returncode) == (1, 1)
    assert "asked for twice" in mainnet.stderr
    assert "31337" in other.stderr
    assert not path.exists()


def _public_network(folder: Path) -> tuple[Path, dict[str, str]]:
    """A file of roles, whose admin is the heir, and the environment in which ape knows deployer and heir."""
    first, *others = accounts(6)
    heir = others[4]
    roles = folder / "roles.json"
    names = ("admin", "factorKeeper", "registrar", "pauser", "settler")
    roles.write_text(json.dumps(dict(zip(names, [heir.address, *(item.address for item in others[:4])], strict=True))))
    environment = {"APE_DATA_FOLDER": str(folder / "ape")}
    for alias, key in ((ALIAS, first.key), (HEIR, heir.key)):
        environment[f"APE_ACCOUNTS_{alias}_PASSPHRASE"] = PASSPHRASE
        command = [sys.executable, "-c", IMPORT_ACCOUNT, alias, PASSPHRASE, key]
        subprocess.run(command, env=os.environ | environment, timeout=60, check=True)
    return roles, environment


def test_deploy__public_network__hands_the_admin_over_and_keeps_the_standard_json(tmp_path: Path) -> None:
    node = Anvil(block_time_s=0.3)
    first, *_, heir = accounts(6)
    path = tmp_path / "amoy.json"
    roles, environment = _public_network(tmp_path)
    try:
        node.start()
        node.rpc("anvil_setChainId", 80_002)
        arguments = ("--network", "amoy", "--rpc", node.rpc_url, "--out", str(path))
        done = _run("scripts.deploy", *arguments, "--roles", str(roles), "--account", ALIAS, **environment)
        assert done.returncode == 0, done.stderr
        record = json.loads(path.read_text())
        checked = _run("scripts.verify_contract", "--record", str(path), "--rpc", node.rpc_url)
        node.rpc("evm_increaseTime", 86_401)
        node.mine()
        accepted = _run("scripts.deploy", *arguments, "--accept-admin", "--account", HEIR, **environment)
        assert accepted.returncode == 0, accepted.stderr
        after = json.loads(path.read_text())
    finally:
        node.stop()

    assert record["roles"]["admin"] == first.address
    assert record["pendingAdmin"]["address"] == heir.address
    assert checked.returncode == 0
    assert (after["roles"]["admin"], after["pendingAdmin"]) == (heir.address, None)
    kept = json.loads(path.with_suffix(".standard.json").read_text())
    assert kept == build().standard_json


def test_deploy__killed_while_it_waits__goes_on_with_the_same_transaction(tmp_path: Path) -> None:
    node = Anvil(options=("--no-mining",))
    deployer = accounts(1)[0].address
    path = tmp_path / "amoy.json"
    waiting = path.with_suffix(".sent.json")
    roles, environment = _public_network(tmp_path)
    try:
        node.start()
        node.rpc("anvil_setChainId", 80_002)
        command = [sys.executable, "-m", "scripts.deploy", "--network", "amoy", "--rpc", node.rpc_url]
        command += ["--out", str(path), "--roles", str(roles), "--account", ALIAS]
        stopped = _killed_when_pending(node, command, environment)
        sent = json.loads(waiting.read_text())
        node.rpc("anvil_dropTransaction", sent["transactionHash"])  # the node has forgotten it, too
        node.rpc("anvil_setNonce", deployer, hex(sent["nonce"] + 1))
        lost = _run(*command[2:], **environment)
        node.rpc("anvil_setNonce", deployer, hex(sent["nonce"]))
        node.rpc("evm_setIntervalMining", 1)
        done = _run(*command[2:], **environment)
        assert done.returncode == 0, done.stderr
        record = json.loads(path.read_text())
        used = int(node.rpc("eth_getTransactionCount", deployer, "latest"), 16)
    finally:
        node.stop()

    assert stopped
    assert lost.returncode == 1
    assert f"has used its nonce {sent['nonce']}" in lost.stderr
    assert record["transactionHash"] == sent["transactionHash"]
    assert used == sent["nonce"] + 2, "one contract, and the hand-over of its admin"
    assert not waiting.exists()


def _killed_when_pending(node: Anvil, command: list[str], environment: dict[str, str]) -> bool:
    """Run `command` until the node holds its transaction, kill it, and say whether nothing was mined."""
    running = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        while int(node.rpc("txpool_status")["pending"], 16) == 0:
            assert running.poll() is None, "it ended before it sent anything"
            time.sleep(0.05)
    finally:
        running.kill()
        running.wait(30)
    return int(node.rpc("eth_blockNumber"), 16) == 0


def test_verify__other_code_on_chain__is_found(node: Anvil, deployed: tuple[Path, dict[str, Any]]) -> None:
    record = deployed[1]
    rpc = http_rpc(node.rpc_url)
    code = bytearray.fromhex(rpc("eth_getCode", record["address"], "latest")[2:])
    snapshot = rpc("evm_snapshot")
    try:
        code[1_000] ^= 1
        rpc("anvil_setCode", record["address"], "0x" + code.hex())
        altered = verify(rpc, record)
        rpc("anvil_setCode", record["address"], "0x6001")
        replaced = verify(rpc, record)
        rpc("anvil_setCode", record["address"], "0x")
        gone = verify(rpc, record)
    finally:
        rpc("evm_revert", snapshot)

    assert altered == ["code on chain differs from the local build from byte 1000 on"]
    assert "2 bytes" in replaced[0]
    assert gone == [f"there is no contract at {record['address']}"]


def test_verify__other_immutable__is_found(node: Anvil, deployed: tuple[Path, dict[str, Any]]) -> None:
    record = deployed[1]
    code = bytearray.fromhex(http_rpc(node.rpc_url)("eth_getCode", record["address"], "latest")[2:])
    name, ((start, length), *_) = next(iter(build().immutables.items()))
    code[start : start + length] = b"\x01" * length

    differences = code_differences(bytes(code), build(), {b"\x02" * 32})

    assert any(f"immutable {name}" in difference for difference in differences)


def test_verify__record_of_another_chain__is_found(node: Anvil, deployed: tuple[Path, dict[str, Any]]) -> None:
    record = deployed[1]
    rpc = http_rpc(node.rpc_url)

    assert "genesis" in verify(rpc, record | {"genesisHash": "0x" + "11" * 32})[0]
    assert "on chain 31337" in verify(rpc, record | {"chainId": 1})[0]
    assert "deployment block" in verify(rpc, record | {"blockHash": "0x" + "22" * 32})[0]


def test_abi__committed_file__is_that_of_the_build() -> None:
    assert ABI_FILE.read_text() == abi_text(build().abi)
    assert abi_hash().startswith("0x")


def test_build__of_ape__is_the_standard_json_build(project: Any) -> None:
    compiled = project.EnergyTradeLog.contract_type

    assert bytes.fromhex(compiled.runtime_bytecode.bytecode[2:]) == build().runtime
    assert bytes.fromhex(compiled.deployment_bytecode.bytecode[2:]) == build().creation
    assert len(build().runtime) <= 24_576


def test_compile__broken_source__names_the_error() -> None:
    from scripts.contract_build import CompilationFailed

    source = {"language": "Solidity", "sources": {"a.sol": {"content": "contract A { uint x = ; }"}}, "settings": {}}

    with pytest.raises(CompilationFailed, match=r"a\.sol"):
        compile_standard_json(source)
