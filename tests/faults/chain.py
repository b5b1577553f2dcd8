# SPDX-License-Identifier: Apache-2.0
"""The chain under the harness's hand: every transaction is signed here, so it can be mined again, dropped or replaced.

Blocks are mined one by one at times that never repeat; a reorganisation rolls back and mines another, longer fork.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from eth_account import Account

from backend.core.crypto import keccak
from tests.backend.audit.stage import Stage

GAS = 3_000_000
PAUSER = 9
USURPER_WEI = 10**12


@dataclass(frozen=True)
class Sent:
    """A signed transaction of account `sender`."""

    sender: int
    nonce: int
    raw: str
    hash: bytes
    label: str


class Chain:
    """`released` transactions are known to the node; of one sender and nonce the last one made counts."""

    def __init__(self, stage: Stage, finality_depth: int) -> None:
        self.stage = stage
        self.rpc = stage.anvil.rpc
        self.finality_depth = finality_depth
        self.slots: dict[tuple[int, int], list[Sent]] = {}
        self.released: list[tuple[int, int]] = []
        self.next_nonce: dict[int, int] = defaultdict(int)
        functions = stage.contract.functions
        stage.send(0, functions.grantRole(functions.PAUSER_ROLE().call(), self.address(PAUSER)))
        self.rpc("evm_setAutomine", False)
        self.time = int(self.block("latest")["timestamp"], 16)
        self.base_fee_wei = 0
        self.highest = self.head()
        for number in range(len(stage.anvil.accounts)):
            self.next_nonce[number] = int(self.rpc("eth_getTransactionCount", self.address(number), "latest"), 16)

    def address(self, number: int) -> str:
        """EIP-55 address of an account."""
        return self.stage.anvil.accounts[number].address

    def block(self, number: int | str) -> Any:
        """A JSON block."""
        return self.rpc("eth_getBlockByNumber", hex(number) if isinstance(number, int) else number, False)

    def head(self) -> int:
        """Number of the newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    # --- transactions -----------------------------------------------------------------------------------------------

    def make(self, sender: int, call: Any, label: str) -> Sent:
        """Sign the sender's next transaction; `call` is a contract call, or the address that gets one wei."""
        nonce = self.next_nonce[sender]
        self.next_nonce[sender] += 1
        return self._sign(sender, nonce, call, label)

    def _sign(self, sender: int, nonce: int, call: Any, label: str) -> Sent:
        transfer = isinstance(call, str)
        values = {
            "chainId": 31337, "nonce": nonce, "gas": GAS, "gasPrice": 0, "value": 1 if transfer else 0,
            "to": call if transfer else self.stage.contract.address,
            "data": "0x" if transfer else call._encode_transaction_data(),
        }  # fmt: skip
        raw = bytes(Account.sign_transaction(values, self.stage.anvil.accounts[sender].key).raw_transaction)
        sent = Sent(sender, nonce, "0x" + raw.hex(), keccak(raw), label)
        self.slots.setdefault((sender, nonce), []).append(sent)
        return sent

    def release(self, sent: Sent) -> None:
        """Give a transaction to the node."""
        self.released.append((sent.sender, sent.nonce))
        self.rpc("eth_sendRawTransaction", sent.raw)

    def send(self, sender: int, call: Any, label: str) -> Sent:
        """Sign and release."""
        sent = self.make(sender, call, label)
        self.release(sent)
        return sent

    def receipt(self, tx_hash: bytes) -> Any:
        """JSON receipt, None while it is not mined."""
        return self.rpc("eth_getTransactionReceipt", "0x" + tx_hash.hex())

    def waiting(self) -> list[tuple[int, int]]:
        """Sender and nonce of every transaction that was made and is not mined, in order of nonces."""
        return [
            (sender, nonce)
            for sender, last in self.next_nonce.items()
            if (sender, last - 1) in self.slots
            for nonce in range(int(self.rpc("eth_getTransactionCount", self.address(sender), "latest"), 16), last)
        ]

    # --- blocks -----------------------------------------------------------------------------------------------------

    def mine(self, blocks: int = 1) -> None:
        """Mine what waits, then empty blocks."""
        for _ in range(blocks):
            self.time += 1
            self.rpc("evm_setNextBlockTimestamp", self.time)
            self.rpc("anvil_setNextBlockBaseFeePerGas", hex(self.base_fee_wei))
            self.rpc("evm_mine")
        self.highest = max(self.highest, self.head())

    def deepest(self) -> int:
        """How many blocks may be rolled back without touching what somebody may have taken for final."""
        return self.head() - (self.highest - self.finality_depth + 1)

    def reorganise(self, depth: int, random: Random, *, lossless: bool = False) -> str:
        """Replace the last `depth` blocks by a longer fork; what happened to the transactions, in words.

        Each is mined again (in its old place or later), dropped or replaced; sometimes all of them revert this time.
        `lossless`: all are mined again.
        """
        head = self.head()
        hashes = [tx for number in range(head - depth + 1, head + 1) for tx in self.block(number)["transactions"]]
        lost = [sent for made in self.slots.values() for sent in made if "0x" + sent.hash.hex() in hashes]
        self.rpc("anvil_rollback", depth)
        self.rpc("anvil_dropAllTransactions")
        self._forget_pauser()
        fates = [
            f"{sent.label}: {self._draw_fate(sent, random)}" for sent in lost if sent.sender != PAUSER and not lossless
        ]
        again = [key for key in self.waiting() if key in self.released]
        kept = again if random.random() < 0.5 else again[: len(again) // 2]
        reverting = random.random() < 0.2 and not lossless
        if reverting:
            self.send(PAUSER, self.stage.contract.functions.pause(), "pause")
        self.load(kept, random)
        if reverting:
            self.send(PAUSER, self.stage.contract.functions.unpause(), "unpause")
        self.mine(random.randint(1, depth))
        self.load(again[len(kept) :], random)
        self.mine(max(1, self.highest + 1 - self.head()))
        return f"{depth} blocks{', all paused' if reverting else ''}; {'; '.join(fates)}"

    def _draw_fate(self, sent: Sent, random: Random) -> str:
        key = (sent.sender, sent.nonce)
        fate = random.choices(("kept", "dropped", "replaced"), (6, 2, 2))[0]
        if fate == "dropped":
            self.released.remove(key)
        elif fate == "replaced":
            self._sign(*key, self.address(PAUSER), f"replacement of {sent.label}")
        return fate

    def _forget_pauser(self) -> None:
        """Whoever pauses has no history to be repeated; a fork that ends paused goes on unpaused."""
        first = int(self.rpc("eth_getTransactionCount", self.address(PAUSER), "latest"), 16)
        for nonce in range(first, self.next_nonce[PAUSER]):
            self.slots.pop((PAUSER, nonce))
            self.released.remove((PAUSER, nonce))
        self.next_nonce[PAUSER] = first
        if self.stage.contract.functions.paused().call():
            self.send(PAUSER, self.stage.contract.functions.unpause(), "unpause")

    def ask_fee(self, base_fee_wei: int) -> None:
        """What a unit of gas costs at least from the next block on. The harness itself pays nothing, and waits."""
        self.base_fee_wei = base_fee_wei
        self.rpc("anvil_setNextBlockBaseFeePerGas", hex(base_fee_wei))

    def endow(self, number: int, wei: int) -> None:
        """Set the ether of an account."""
        self.rpc("anvil_setBalance", self.address(number), hex(wei))

    def lose_pool(self, random: Random) -> None:
        """The node forgets what waits; only the harness sends its own again."""
        self.rpc("anvil_dropAllTransactions")
        self.load([key for key in self.waiting() if key in self.released], random)

    def usurp(self, number: int) -> str:
        """Somebody else sends with an account's key: its next nonce goes to a transaction that pays more."""
        nonce = int(self.rpc("eth_getTransactionCount", self.address(number), "latest"), 16)
        values = {
            "chainId": 31337, "nonce": nonce, "gas": GAS, "gasPrice": USURPER_WEI, "value": 0,
            "to": self.address(number), "data": "0x",
        }  # fmt: skip
        raw = bytes(Account.sign_transaction(values, self.stage.anvil.accounts[number].key).raw_transaction)
        self.rpc("eth_sendRawTransaction", "0x" + raw.hex())
        return f"nonce {nonce} of account {number}"

    def load(self, keys: Iterable[tuple[int, int]], random: Random) -> None:
        """Give these transactions to the node, senders in any order, each sender's in the order of its nonces."""
        queues: dict[int, list[int]] = defaultdict(list)
        for sender, nonce in keys:
            queues[sender].append(nonce)
        while queues:
            sender = random.choice(sorted(queues))
            self.rpc("eth_sendRawTransaction", self.slots[sender, queues[sender].pop(0)][-1].raw)
            if not queues[sender]:
                del queues[sender]

    # --- the truth --------------------------------------------------------------------------------------------------

    def resolve(self, random: Random) -> None:
        """Every transaction that was made and is not mined gets known to the node or is replaced."""
        self.rpc("anvil_dropAllTransactions")
        keys = self.waiting()
        for key in keys:
            if key not in self.released:
                self.released.append(key)
                if random.random() < 0.5:
                    self._sign(*key, self.address(PAUSER), f"replacement of {self.slots[key][-1].label}")
        self.load(keys, random)
        self.mine()
        left = self.waiting()
        assert not left, f"the chain does not take {[(key, self.slots[key][-1].label) for key in left]}"
