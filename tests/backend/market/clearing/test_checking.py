# SPDX-License-Identifier: Apache-2.0
"""`gridx market`: a file of orders or a receipt is cleared without a database; bad input writes only a reason."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.market.clearing.checking import clear_book
from backend.market.clearing.fees import Fees
from backend.market.clearing.receipts import hash_of_book, receipt_of
from backend.market.clearing.types import Rule, Side
from backend.market.clearing.wire import fees_from, fees_row
from scripts.cli.market import market
from tests.backend.market.clearing.books import fees_drawn, make_order, orders_of

LINES = [
    {"id": "o1", "side": "offer", "energy_wh": 1000, "price_micro": 100000, "time": 1, "house": "h1", "zone": "n"},
    {"id": "b1", "side": "bid", "energy_wh": 700, "price_micro": 200000, "time": 2, "house": "h2", "owner": "eve"},
    {"id": "b2", "side": "bid", "energy_wh": 700, "price_micro": 150000, "time": 3, "house": "h3", "min_fill_wh": 100},
    {"id": "o2", "side": "offer", "energy_wh": 500, "price_micro": 1, "time": 4, "house": "h4", "owner": "eve"},
]
FEES = '{"communityFeeMicroPerKwh": 10001, "gridFeeMicroPerKwh": {"n": 3000}, "pairFeeMicroPerKwh": {"n|": 7}}'


def run(*arguments: str, text: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(market, list(arguments), input=text)


def lines_of(*rows: dict) -> str:
    return "\n".join(json.dumps(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("rule", "matches", "price"),
    [
        ("continuous", [("b1", "o1", 700, 108000), ("b2", "o1", 300, 108000), ("b2", "o2", 400, 144992 + 7)], None),
        ("uniform", [("b2", "o2", 500, 108000), ("b1", "o1", 700, 108000), ("b2", "o1", 200, 108000)], 108000),
        ("pay-as-bid", [("b2", "o2", 500, 144999), ("b1", "o1", 700, 194999), ("b2", "o1", 200, 144999)], None),
    ],
)
def test_clear__a_file_by_each_rule__writes_matches_and_a_summary(tmp_path, rule, matches, price):
    (tmp_path / "fees.json").write_text(FEES)
    (tmp_path / "orders.jsonl").write_text(lines_of(*LINES))

    result = run(
        "clear", "--rule", rule, "--fees", str(tmp_path / "fees.json"), str(tmp_path / "orders.jsonl"), text=""
    )

    *written, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [tuple(row[name] for name in ("bid", "offer", "energy_wh", "price_micro")) for row in written] == matches
    assert last["summary"]["volume_wh"] == 1_400
    assert last["summary"]["price_micro"] == price
    assert last["summary"]["min_fills_ignored"] == (0 if rule == "continuous" else 1)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: an order is a JSON object"),
        (json.dumps({**LINES[0], "id": "x", "side": "sell"}), "line 2: side is 'sell'"),
        (json.dumps({**LINES[0], "id": "x", "energy_wh": 1.5}), "line 2: energy_wh is 1.5"),
        (json.dumps({**LINES[0], "id": "x", "energy_wh": True}), "line 2: energy_wh is True"),
        (json.dumps({**LINES[0], "id": "x", "energy_wh": 0}), "line 2: energy_wh is 0"),
        (json.dumps({**LINES[0], "id": "x", "price_micro": "5"}), "line 2: price_micro is '5'"),
        (json.dumps({**LINES[0], "id": "x", "price_micro": 2**70}), "line 2: "),
        (json.dumps({**LINES[0], "id": "x", "house": None}), "line 2: an order needs an id and a house"),
        (json.dumps({**LINES[0], "id": "x", "min_fill": 5}), "line 2: unknown field 'min_fill'"),
        (json.dumps({**LINES[0], "id": "x", "min_fill_wh": 1001}), "line 2: min_fill_wh is 1001"),
        (json.dumps({**LINES[0], "id": "x" * 201}), "line 2: id is"),
        (json.dumps(LINES[0]), "line 2: id 'o1' stands in line 1 already"),
        (b"\xff\xfe".decode("latin-1"), "line 2: "),
    ],
)
def test_clear__bad_line__names_the_line_and_writes_nothing(bad, reason):
    result = run("clear", "--rule", "uniform", "-", text=lines_of(LINES[0]) + bad + "\n" + lines_of(LINES[1]))

    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


@pytest.mark.parametrize(
    ("fees", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "fees are a JSON object"),
        ('{"fee": 1}', "unknown field 'fee'"),
        ('{"communityFeeMicroPerKwh": -1}', "fees lie between -1"),
        ('{"communityFeeMicroPerKwh": 0.5}', "communityFeeMicroPerKwh is 0.5"),
        ('{"gridFeeMicroPerKwh": 5}', "gridFeeMicroPerKwh is 5"),
        ('{"pairFeeMicroPerKwh": {"north": 5}}', "'zone of the seller|zone of the buyer'"),
    ],
)
def test_clear__bad_fees__are_explained_and_nothing_is_written(tmp_path, fees, reason):
    (tmp_path / "fees.json").write_text(fees)

    result = run("clear", "--rule", "uniform", "--fees", str(tmp_path / "fees.json"), "-", text=lines_of(*LINES))

    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr


def test_clear__empty_lines_and_no_orders__are_no_error():
    result = run("clear", "--rule", "continuous", "-", text="\n\n")

    assert json.loads(result.stdout)["summary"]["matches"] == 0


def test_receipt__as_given_and_changed__says_whether_it_holds():
    orders = [make_order(Side.OFFER, 1, price_micro=90_000), make_order(Side.BID, 1)]
    receipt = receipt_of(Rule.UNIFORM, orders, Fees())

    good = run("receipt", "-", text=json.dumps(receipt))
    bad = run("receipt", "-", text=json.dumps({**receipt, "priceMicro": 1}))
    none = run("receipt", "-", text="[]")

    assert json.loads(good.stdout.splitlines()[-1])["receipt"]["holds"] is True
    assert json.loads(bad.stdout.splitlines()[-1])["receipt"]["wrong"] == ["priceMicro"]
    assert (good.exit_code, bad.exit_code, none.exit_code) == (0, 1, 2)


@settings(max_examples=60, deadline=None)
@given(rule=st.sampled_from(Rule), orders=orders_of(min_fills=True), fees=fees_drawn(), seed=st.randoms())
def test_clear_book__shuffled__gives_the_same_matches_summary_and_hash(rule, orders, fees, seed):
    shuffled = list(orders)
    seed.shuffle(shuffled)

    assert clear_book(rule, shuffled, fees) == clear_book(rule, orders, fees)
    assert clear_book(rule, orders, fees)[1].book_hash == hash_of_book(rule, shuffled, fees)


@given(fees=fees_drawn())
def test_fees_from__their_own_row__gives_the_same_fees(fees):
    assert fees_from(json.loads(json.dumps(fees_row(fees)))) == fees
