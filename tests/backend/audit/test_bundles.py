# SPDX-License-Identifier: Apache-2.0
"""Proof bundles: true ones hold offline and are proven by anchors; a forged one is false, whatever was changed."""

from __future__ import annotations

import copy
import json
from asyncio import to_thread
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.audit import service
from backend.audit.bundle import TradeNotOnChain, TradeNotRecorded
from backend.audit.cli import main
from backend.audit.proof import seal
from backend.audit.verify import check
from tests.backend.audit.proxy import LyingNode

VECTORS = Path(__file__).parent / "vectors"
NAMES = ("filled", "second", "confirmed", "alone")
Route = tuple[Any, ...]


@pytest.fixture
def prove(books, traded, databases):
    """The bundle of one of `traded`'s trades."""

    async def made(name: str) -> dict[str, Any]:
        bundle = await service.proof(
            rpc_url=traded.anvil.rpc_url, url=databases.audit, deployment=traded.deployment, trade_id=traded.ids[name]
        )
        return orjson.loads(orjson.dumps(bundle))

    return made


@cache
def load() -> dict[str, dict[str, Any]]:
    """Bundles that were made once on a local chain; the browser's tests read the same files."""
    return {name: json.loads((VECTORS / f"{name}.json").read_text()) for name in NAMES}


@pytest.fixture
def vectors() -> dict[str, dict[str, Any]]:
    """The same as a fixture."""
    return load()


@pytest.fixture
def command(tmp_path: Path):
    """Run `gridx verify` on a bundle."""

    def run(bundle: Any, *options: str) -> Any:
        path = tmp_path / "bundle.json"
        path.write_bytes(orjson.dumps(bundle))
        return CliRunner().invoke(main, ["verify", str(path), *options])

    return run


def leaves(value: Any, route: Route = ()) -> Iterator[Route]:
    """The way to every plain value inside a JSON value."""
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], (*route, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*route, place))
    else:
        yield route


def changed(bundle: dict[str, Any], route: Route, value: Any) -> dict[str, Any]:
    """A copy with another value at `route`."""
    forged = copy.deepcopy(bundle)
    holder = forged
    for step in route[:-1]:
        holder = holder[step]
    holder[route[-1]] = value
    return forged


def at(bundle: Any, route: Route) -> Any:
    for step in route:
        bundle = bundle[step]
    return bundle


def others(value: Any) -> st.SearchStrategy[Any]:
    """Values of the same look that differ."""
    if isinstance(value, bool) or value is None:
        return st.sampled_from([item for item in (True, False, None, 1, "1") if item is not value])
    if isinstance(value, int):
        return st.one_of(st.just(value + 1), st.integers(min_value=0, max_value=2**63), st.none()).filter(
            lambda item: item != value
        )
    if value.startswith("0x") and len(value) > 2:
        return (
            st.tuples(st.integers(2, len(value) - 1), st.sampled_from("0123456789abcdef"))
            .map(lambda flip: value[: flip[0]] + flip[1] + value[flip[0] + 1 :])
            .filter(lambda item: item != value)
        )
    return st.one_of(st.just(value + "1"), st.just("0"), st.text(max_size=8)).filter(lambda item: item != value)


UNPROVABLE = {("chain", "network"), ("chain", "genesisHash"), ("chain", "salt"), ("stated", "status"), ("digest",)}


@pytest.mark.parametrize("name", NAMES)
async def test_check__true_bundle__holds(prove, name):
    bundle = await prove(name)

    verdict = check(bundle)

    assert verdict.falsehoods == []
    assert verdict.trade.trade_id.hex() == bundle["trade"]["tradeId"][2:]


@pytest.mark.parametrize("name", NAMES)
def test_check__vector__holds(vectors, name):
    assert check(vectors[name]).falsehoods == []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_check__any_field_changed__is_false(data):
    bundle = load()[data.draw(st.sampled_from(NAMES))]
    route = data.draw(st.sampled_from(list(leaves(bundle))))
    forged = changed(bundle, route, data.draw(others(at(bundle, route))))

    assert check(forged).falsehoods != []


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_check__any_field_changed_and_sealed_again__is_false(data):
    bundle = load()[data.draw(st.sampled_from(NAMES))]
    provable = [route for route in leaves(bundle) if route not in UNPROVABLE and not _is_loose(bundle, route)]
    route = data.draw(st.sampled_from(provable))
    forged = changed(bundle, route, data.draw(others(at(bundle, route))))
    forged["digest"] = seal(forged)

    assert check(forged).falsehoods != []


def _is_loose(bundle: dict[str, Any], route: Route) -> bool:
    """`deliveredWh` rounds to grams; without transfers nothing ties the cycle."""
    return route == ("stated", "deliveredWh") or (route == ("database", "cycle") and not bundle["transfers"])


@pytest.mark.parametrize("name", NAMES)
def test_check__every_field_changed_in_turn__is_false(vectors, name):
    bundle = vectors[name]

    for route in leaves(bundle):
        value = at(bundle, route)
        other = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}0"
        forged = changed(bundle, route, other)
        assert check(forged).falsehoods != [], route


@pytest.mark.parametrize("key", ["evidence", "trade", "claim", "database", "transfers", "documents", "stated", "chain"])
def test_check__part_left_out__is_false(vectors, key):
    forged = {name: value for name, value in vectors["second"].items() if name != key}
    forged["digest"] = seal(forged)

    assert check(forged).falsehoods != []


@pytest.mark.parametrize("garbage", [None, 3, [], {}, {"format": "gridx-proof-1"}, {"format": "gridx-proof-2"}])
def test_check__no_bundle_at_all__is_false(garbage):
    assert check(garbage).falsehoods != []


def test_check__evidence_of_another_trade__is_false(vectors):
    forged = copy.deepcopy(vectors["filled"])
    forged["evidence"][0] = vectors["second"]["evidence"][0]
    forged["digest"] = seal(forged)

    assert any(text.startswith("trade.tradeId") for text in check(forged).falsehoods)


def test_check__confirmation_left_out__claims_nothing(vectors):
    forged = copy.deepcopy(vectors["confirmed"])
    forged["evidence"] = [item for item in forged["evidence"] if item["role"] != "confirmation"]
    forged["digest"] = seal(forged)

    assert any(text.startswith("claim.consented") for text in check(forged).falsehoods)


def test_check__header_made_up_for_the_forgery__is_only_consistent(vectors, command):
    """Anyone can forge a header; that is why nothing is proven without an anchor."""
    done = command(vectors["filled"])

    assert done.exit_code == 3
    assert "consistent with block" in done.output
    assert "Proven" not in done.output


def test_verify__hash_from_elsewhere__is_proven(vectors, command):
    bundle = vectors["filled"]

    done = command(bundle, "--block-hash", bundle["evidence"][0]["blockHash"])

    assert done.exit_code == 0
    assert "Proven" in done.output


def test_verify__another_hash_from_elsewhere__is_false(vectors, command):
    done = command(vectors["filled"], "--block-hash", "0x" + "07" * 32)

    assert done.exit_code == 1
    assert "not the one that is trusted" in done.output


def test_verify__consent_in_an_unknown_block__is_only_consistent(vectors, command):
    bundle = vectors["confirmed"]
    hashes = {item["role"]: item["blockHash"] for item in bundle["evidence"]}

    trade_only = command(bundle, "--block-hash", hashes["trade"])
    needed = [part for role in ("trade", "confirmation", "factor") for part in ("--block-hash", hashes[role])]
    all_three = command(bundle, *needed)

    assert trade_only.exit_code == 3
    assert "confirmation in block" in trade_only.output
    assert all_three.exit_code == 0


def test_verify__forged__names_what_is_false(vectors, command):
    forged = changed(vectors["filled"], ("database", "energyWh"), "9999")
    forged["digest"] = seal(forged)

    done = command(forged, "--block-hash", forged["evidence"][0]["blockHash"])

    assert done.exit_code == 1
    assert "false: database.energyWh: says '9999', the evidence says '2000'" in done.output


def test_verify__no_json__cannot_be_read(tmp_path):
    path = tmp_path / "bundle.json"
    path.write_text("{")

    assert CliRunner().invoke(main, ["verify", str(path)]).exit_code == 2


async def test_verify__two_nodes__is_proven(prove, traded, command):
    bundle = await prove("confirmed")

    with LyingNode(traded.anvil.rpc_url, lambda _m, _p, result: result) as other:
        one = await to_thread(command, bundle, "--rpc", traded.anvil.rpc_url)
        twice = await to_thread(command, bundle, "--rpc", traded.anvil.rpc_url, "--rpc", traded.anvil.rpc_url)
        two = await to_thread(command, bundle, "--rpc", traded.anvil.rpc_url, "--rpc", other.url)

    assert (one.exit_code, twice.exit_code, two.exit_code) == (3, 3, 0)


async def test_verify__node_with_another_block__is_false(prove, traded, command):
    bundle = await prove("filled")

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == hex(bundle["evidence"][0]["blockNumber"]):
            result["hash"] = "0x" + "07" * 32
        return result

    with LyingNode(traded.anvil.rpc_url, lie) as other:
        done = await to_thread(command, bundle, "--rpc", traded.anvil.rpc_url, "--rpc", other.url)

    assert done.exit_code == 1
    assert "false: evidence trade: block" in done.output


@pytest.mark.parametrize("field", ["chainId", "genesisHash", "contract", "salt"])
async def test_verify__bundle_of_another_deployment__is_false(prove, traded, command, tmp_path, field):
    bundle = await prove("filled")
    place = traded.deployment.facts() | {"parentHash": "0x" + traded.deployment.parent_hash.hex()}
    name = {"contract": "address", "salt": "parentHash"}.get(field, field)
    record = tmp_path / "deployment.json"
    record.write_bytes(orjson.dumps(place | {name: 7 if field == "chainId" else place[name][:-2] + "00"}))

    done = command(bundle, "--deployment", str(record))

    assert done.exit_code == 1
    assert f"false: chain.{field}" in done.output


async def test_proof__unknown_trade__says_so(books, traded, databases):
    with pytest.raises(TradeNotRecorded):
        await service.proof(
            rpc_url=traded.anvil.rpc_url, url=databases.audit, deployment=traded.deployment, trade_id=b"\x01" * 32
        )


async def test_proof__row_that_points_to_another_block__is_not_on_chain(books, traded, prove):
    await books.tamper("UPDATE energy_trades SET block_number = 1 WHERE trade_id = $1", traded.ids["filled"])

    with pytest.raises(TradeNotOnChain):
        await prove("filled")


async def test_check__row_tampered_with__the_bundle_is_false(books, traded, prove):
    await books.tamper("UPDATE energy_trades SET energy_wh = 9999 WHERE trade_id = $1", traded.ids["filled"])

    assert any("database.energyWh" in text for text in check(await prove("filled")).falsehoods)
