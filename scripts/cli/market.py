# SPDX-License-Identifier: Apache-2.0
"""`gridx market clear`: clear a file of orders with the market's own rules, without a database; anybody can check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from backend.market.clearing.checking import clear_book
from backend.market.clearing.fees import NO_FEES, Fees, FeesInvalid
from backend.market.clearing.receipts import ReceiptInvalid, book_hash, faults_of, reclear
from backend.market.clearing.types import Rule
from backend.market.clearing.wire import LineInvalid, fees_from, match_row, read_orders
from scripts.cli.island import island_report

BAD_INPUT = 2


@click.group()
def market() -> None:
    """Check the market: clear orders or a receipt anew, compute an island's report again."""


@market.command()
@click.option("--rule", type=click.Choice([rule.value for rule in Rule]), required=True, help="How to clear.")
@click.option(
    "--fees", "fees_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Fees, as JSON."
)
@click.argument("file", type=click.File("rb"))
def clear(rule: str, fees_file: Path | None, file: BinaryIO) -> None:
    """Clear the orders of FILE, one JSON object a line (`-`: standard input).

    An order: id, side (offer or bid), energy_wh, price_micro (all-in limit, micro-units per kWh), time, house, owner,
    zone, min_fill_wh; the last two may be left out, and the owner, who then is the house. Orders of one owner never
    meet. The continuous book places them by time, then id; the auctions know no min_fill_wh.

    Writes a line {"bid", "offer", "energy_wh", "price_micro"} for each match and one {"summary": ...} at the end.

    \b
    Fees: {"communityFeeMicroPerKwh": 0,
           "gridFeeMicroPerKwh": {"zone": 0},
           "pairFeeMicroPerKwh": {"seller's zone|buyer's zone": 0}}

    A line that is no order is named and nothing is written; exit status 2.
    """
    try:
        fees = NO_FEES if fees_file is None else _fees(fees_file)
        matches, summary = clear_book(Rule(rule), read_orders(file), fees)
    except (LineInvalid, FeesInvalid) as error:
        _refuse(str(error))
    lines = [orjson.dumps(match_row(match)) for match in matches]
    sys.stdout.buffer.write(b"\n".join([*lines, orjson.dumps(summary.row()), b""]))


@market.command()
@click.argument("file", type=click.File("rb"))
def receipt(file: BinaryIO) -> None:
    """Clear the receipt in FILE anew (`-`: standard input): its matches, then what does not follow from its book.

    Exit status 0 when the receipt holds, 1 when a part of it does not, 2 when it is no receipt.
    """
    try:
        paper = orjson.loads(file.read())
        matches, faults, computed = reclear(paper), faults_of(paper), book_hash(paper)
    except (ReceiptInvalid, orjson.JSONDecodeError, TypeError) as error:
        _refuse(str(error))
    lines = [orjson.dumps(match_row(match)) for match in matches]
    verdict = {"receipt": {"holds": not faults, "wrong": faults, "book_hash": "0x" + computed.hex()}}
    sys.stdout.buffer.write(b"\n".join([*lines, orjson.dumps(verdict), b""]))
    sys.exit(1 if faults else 0)


market.add_command(island_report)


def _fees(path: Path) -> Fees:
    try:
        return fees_from(orjson.loads(path.read_bytes()))
    except orjson.JSONDecodeError as error:
        raise FeesInvalid(f"{path}: not JSON: {error}") from error
    except FeesInvalid as error:
        raise FeesInvalid(f"{path}: {error}") from error


def _refuse(text: str) -> None:
    click.echo(f"gridx market: {text}", err=True)
    sys.exit(BAD_INPUT)
