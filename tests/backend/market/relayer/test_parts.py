# SPDX-License-Identifier: Apache-2.0
"""Fees, keys, reasons and answers, without a chain."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID

import pytest
import rlp
from eth_abi.abi import encode
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import utc_now
from backend.core.crypto import address_of, keccak
from backend.market.orders.typed_data import Order
from backend.market.relayer import encoding, fees, service
from backend.market.relayer.errors import SignerUnusable
from backend.market.relayer.node import read_answer
from backend.market.relayer.relayer import FAILPOINTS
from backend.market.relayer.signer import KeySigner, write_keystore
from backend.market.relayer.types import Answer, Fees, Pair, PairedOrder, Unsigned

KEY = b"\x21" * 32
WEI = st.integers(0, 10**13)


def _order(number: int, **changes: object) -> PairedOrder:
    values: dict[str, object] = {
        "maker": bytes([number]) * 20, "taker": b"\x09" * 20, "is_bid": number == 2, "meter": 100 + number,
        "delivery_start": 900, "expiry": 5_000 + number, "energy_wh": 1_000, "min_fill_wh": 0,
        "price_micro_per_kwh": 240_000, "factor_id": 7, "slot": 1, "delivery_minutes": 15,
    }  # fmt: skip
    order = Order(**(values | changes))  # type: ignore[arg-type]
    return PairedOrder(UUID(int=number), order, bytes([number]) * 32, b"", placed_version=number)


PAIR = Pair(UUID(int=9), 5, b"\5" * 32, 1_000, 240_000, utc_now(), _order(1), _order(2))
OFFER, BID = UUID(int=1), UUID(int=2)


@given(WEI, WEI, WEI, st.integers(1, 10**13))
def test_suggest__any_market__stays_within_the_cap_and_covers_the_base_fee(
    base: int, tip: int, least: int, cap: int
) -> None:
    offered = fees.suggest(base_fee_wei=base, tip_wei=tip, min_tip_wei=least, cap_wei=cap)

    if offered is None:
        assert base + max(tip, least) > cap
    else:
        assert base + offered.priority_fee_wei <= offered.max_fee_wei <= cap
        assert offered.priority_fee_wei >= least


@given(WEI, WEI, WEI, WEI)
def test_bump__any_fees__pays_an_eighth_more_of_each_and_not_less_than_is_asked_now(
    priority: int, more: int, fresh_priority: int, fresh_more: int
) -> None:
    old, fresh = Fees(priority + more, priority), Fees(fresh_priority + fresh_more, fresh_priority)

    raised = fees.bump(old, fresh, cap_wei=10**15)

    assert raised is not None
    assert raised.max_fee_wei * 8 > old.max_fee_wei * 9 - 8
    assert raised.priority_fee_wei * 8 > old.priority_fee_wei * 9 - 8
    assert raised.max_fee_wei > old.max_fee_wei
    assert raised.priority_fee_wei > old.priority_fee_wei
    assert raised.max_fee_wei >= max(fresh.max_fee_wei, raised.priority_fee_wei)
    assert fees.bump(old, fresh, cap_wei=raised.max_fee_wei - 1) is None


@pytest.mark.parametrize(
    ("error", "reason", "blamed"),
    [
        (("OrderExpired(uint32,uint256)", (5_001, 6_000)), "order_expired", {OFFER}),
        (("OrderCancelled(address,uint16,uint32)", ("0x" + "02" * 20, 1, 900)), "order_cancelled", {BID}),
        (("BadSignature(address,bytes32)", ("0x" + "01" * 20, b"\1" * 32)), "bad_signature", {OFFER}),
        (("UnknownMeter(uint64)", (102,)), "unknown_meter", {BID}),
        (("OrderMalformed(bytes32)", (b"\2" * 32,)), "order_malformed", {BID}),
        (("FactorNotValid(uint32,uint256,uint256,uint256)", (7, 1, 2, 3)), "factor_not_valid", {OFFER, BID}),
        (("WrongTaker(address,address)", ("0x" + "09" * 20, "0x" + "08" * 20)), "wrong_taker", {OFFER, BID}),
        (("PriceOutsideLimits(uint256,uint256,uint256)", (3, 4, 2)), "price_outside_limits", {BID}),
        (("NonceUsed(address,uint80)", ("0x" + "09" * 20, 5)), "nonce_used", set()),
        (("FillTooSmall(address,uint256,uint256)", ("0x" + "01" * 20, 3, 4)), "fill_too_small", set()),
    ],
)
def test_read_refusal__an_error_of_the_contract__blames_the_orders_that_its_facts_name(
    error: tuple[str, tuple[object, ...]], reason: str, blamed: set[UUID]
) -> None:
    name, values = f"EnergyTradeLog{error[0]}", error[1]
    kinds = name[name.index("(") + 1 : -1].split(",")

    refused = encoding.read_refusal(keccak(name.encode())[:4] + encode(kinds, values), PAIR)

    assert refused.reason == reason
    assert refused.blamed == dict.fromkeys(blamed, reason)


def test_failpoints__in_the_sources__are_those_that_tests_kill_at() -> None:
    sources = Path(encoding.__file__).parent.glob("*.py")

    found = {name for path in sources for name in re.findall(r'failpoint\("([a-z_.]+)"\)', path.read_text())}

    assert found == set(FAILPOINTS)


def test_read_refusal__an_error_that_the_contract_does_not_have__ends_the_younger_order() -> None:
    refused = encoding.read_refusal(b"\xde\xad\xbe\xef", PAIR)

    assert (refused.reason, set(refused.blamed)) == ("0xdeadbeef", {BID})


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("already known", Answer.TAKEN),
        ("transaction already imported", Answer.TAKEN),
        ("nonce too low: next nonce 5, tx nonce 4", Answer.NONCE_TOO_LOW),
        ("replacement transaction underpriced", Answer.UNDERPRICED),
        ("max fee per gas less than block base fee", Answer.UNDERPRICED),
        ("Insufficient funds for gas * price + value", Answer.NO_FUNDS),
        ("txpool is full", Answer.REFUSED),
    ],
)
def test_read_answer__words_of_a_node__are_understood(message: str, answer: Answer) -> None:
    assert read_answer(message) is answer


async def test_sign__a_transaction__is_one_that_its_account_sent_and_can_be_read_back() -> None:
    unsigned = Unsigned(31337, 7, 500_000, Fees(3 * 10**9, 10**9), b"\x05" * 20, b"\x01\x02")

    raw = await KeySigner(KEY).sign(unsigned)

    assert Account.recover_transaction(raw).lower() == "0x" + address_of(KEY).hex()
    assert encoding.read_transaction(raw) == unsigned
    assert len(rlp.decode(raw[1:])) == 12


def test_keystore__written_and_opened__gives_the_same_account_and_is_encrypted_by_scrypt(tmp_path: Path) -> None:
    path = tmp_path / "key.json"

    account = write_keystore(path, "long and secret", KEY, work_factor=2**12)

    opened = service.open_signer(key=None, keystore=path, password="long and secret")
    content = json.loads(path.read_text())
    assert opened.address == account == address_of(KEY)
    assert (content["version"], content["crypto"]["kdf"]) == (3, "scrypt")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_keystore(path, "another", KEY)
    with pytest.raises(SignerUnusable, match="cannot be opened"):
        service.open_signer(key=None, keystore=path, password="wrong")


@pytest.mark.parametrize("key", ["", "12", "zz" * 32, "00" * 32, "ff" * 32])
def test_open_signer__no_key_or_one_that_is_none__is_refused(key: str) -> None:
    with pytest.raises(SignerUnusable):
        service.open_signer(key=key, keystore=None, password=None)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"version": 3, "crypto": {}}'])
def test_open_signer__a_file_that_holds_no_key__is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)

    with pytest.raises(SignerUnusable, match="key file"):
        service.open_signer(key=None, keystore=path, password="secret")
    with pytest.raises(SignerUnusable, match="no such"):
        service.open_signer(key=None, keystore=tmp_path / "none", password="secret")
    with pytest.raises(SignerUnusable, match="PASSWORD"):
        service.open_signer(key=None, keystore=path, password=None)
