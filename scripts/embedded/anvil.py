# SPDX-License-Identifier: Apache-2.0
"""A local EVM chain: anvil from the npm package, its state kept in a file that survives kill -9."""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.embedded.process import LOOPBACK, ROOT, Process, ProcessFailed, free_port

MNEMONIC = "test test test test test test test test test test test junk"
CHAIN_ID = 31337
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Account:
    """A funded account of the local chain; `address` is EIP-55, `key` is 0x-hex."""

    address: str
    key: str


def anvil_binary() -> Path:
    """Path of the anvil executable. Raises ProcessFailed when the node packages are not installed."""
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    inside = Path("node_modules") / "@foundry-rs" / f"anvil-linux-{architecture}" / "bin" / "anvil"
    path = ROOT / inside
    if not path.exists():
        raise ProcessFailed("the npm package `@foundry-rs/anvil` is not installed: run `make setup`")
    return path


def accounts(count: int = 10) -> list[Account]:
    """The first accounts of the public development mnemonic; worthless outside a local chain."""
    from eth_account import Account as Signer

    Signer.enable_unaudited_hdwallet_features()
    found = []
    for index in range(count):
        signer = Signer.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        found.append(Account(address=str(signer.address), key="0x" + bytes(signer.key).hex()))
    return found


class Anvil:
    """One anvil node. Without `folder` the chain lives in memory; with it, in `folder/state.json`.

    `block_time_s` None mines each transaction at once; a number mines a block every so many seconds.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        block_time_s: int | None = None,
        account_count: int = 10,
        log: Path | None = None,
        options: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.port = port or 0
        self.block_time_s = block_time_s
        self.account_count = account_count
        self.options = options
        self.log = log or (folder / "anvil.log" if folder else Path(os.devnull))
        self._process: Process | None = None
        self._keeper: _StateKeeper | None = None
        self._accounts: list[Account] | None = None

    @property
    def rpc_url(self) -> str:
        """HTTP JSON-RPC address; the same port takes WebSocket connections."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def accounts(self) -> list[Account]:
        """Funded accounts with their private keys."""
        if self._accounts is None:
            self._accounts = accounts(self.account_count)
        return self._accounts

    @property
    def process(self) -> Process:
        """The node's process. Raises ProcessFailed before `start`."""
        if self._process is None:
            raise ProcessFailed("anvil has not been started")
        return self._process

    def start(self) -> None:
        """Start and wait for the first answer; a second start keeps the port and, with a folder, the chain."""
        self.port = self.port or free_port()
        arguments = [str(anvil_binary()), "--host", LOOPBACK, "--port", str(self.port), "--chain-id", str(CHAIN_ID)]
        arguments += ["--accounts", str(self.account_count), "--quiet", *self.options]
        if self.block_time_s is not None:
            arguments += ["--block-time", str(self.block_time_s)]
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._keeper = _StateKeeper(self.folder / "state.json")
            self._keeper.recover()
            arguments += ["--state", str(self._keeper.path), "--state-interval", "1", "--preserve-historical-states"]
        self._process = Process("anvil", arguments, log=self.log, stop_signal=signal.SIGTERM)
        self._process.start()
        self._process.wait_ready(self._answers)
        if self._keeper is not None:
            self._keeper.start()

    def rpc(self, method: str, *parameters: Any) -> Any:
        """Call one JSON-RPC method. Raises ProcessFailed with the node's error, OSError when it is away."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}).encode()
        request = urllib.request.Request(self.rpc_url, body, {"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            answer = json.load(response)
        if "error" in answer:
            raise ProcessFailed(f"{method}: {answer['error'].get('message')}")
        return answer["result"]

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks."""
        self.rpc("anvil_mine", hex(blocks))

    def _answers(self) -> bool:
        try:
            return bool(self.rpc("eth_chainId"))
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def stop(self) -> None:
        """Stop it in order, so that the last block reaches the state file; safe to call twice."""
        if self._process is not None:
            self._process.stop()
        if self._keeper is not None:
            self._keeper.stop()


class _StateKeeper:
    """Keeps a complete, fsynced copy of the state file, because a kill may cut anvil's own writing short."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copy = path.with_name("state.kept.json")
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = (0, 0)

    def recover(self) -> None:
        """Before a start: put the copy in place of a state file that is missing or cut short."""
        if not _is_complete(self.path) and _is_complete(self.copy):
            self.path.write_bytes(self.copy.read_bytes())

    def start(self) -> None:
        """Copy each complete version until `stop`."""
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, name="chain-state", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Copy the last version and end."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.keep()

    def keep(self) -> None:
        """Copy the state file if it changed and is complete."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return
        version = (status.st_mtime_ns, status.st_size)
        if version == self._seen:
            return
        content = self.path.read_bytes()
        if not _is_whole_json(content):
            return
        fresh = self.copy.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.copy)
        self._seen = version

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            self.keep()


def _is_complete(path: Path) -> bool:
    return path.exists() and _is_whole_json(path.read_bytes())


def _is_whole_json(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False
