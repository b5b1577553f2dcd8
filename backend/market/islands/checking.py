# SPDX-License-Identifier: Apache-2.0
"""Checks an island's report with nothing but the report: no database, no chain, no trust in whoever wrote it. Pure.

Signatures are recovered, no interval stands there twice, every allocation is computed again from its inputs, its
certificate is proven without a solver, the queue's hashes are computed again, and the sums are added up again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from backend.core.crypto import recover
from backend.core.units import parse_address
from backend.market.islands import records
from backend.market.islands.allocation import proves
from backend.market.islands.documents import digest_of_body
from backend.market.islands.intents import Intent, faults
from backend.market.islands.programme import ProgrammeUnsolved

FORMAT = "gridx-island-report/1"
Json = Mapping[str, Any]


class ReportUnreadable(ValueError):
    """The file is no report of an island, or parts of it are missing."""


def check(report: Json) -> list[str]:
    """Every place at which the report contradicts itself; empty: all of it follows from its inputs.

    Raises ReportUnreadable.
    """
    if not isinstance(report, Mapping) or report.get("format") != FORMAT:
        raise ReportUnreadable(f"not a report of an island: format {FORMAT} is expected")
    try:
        found = _signature(report["declaration"], "the declaration") + _declared(report) + _ended(report)
        found += _intervals(report)
        for run in report["runs"]:
            found += [f"{run['deliveryStart']}: {fault}" for fault in _allocation(run)]
        found += _queue(report)
        found += _differences("notAllocated", not_allocated(report), report["notAllocated"])
        return found + _differences("summary", summary_of(report), report["summary"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ProgrammeUnsolved) as error:
        raise ReportUnreadable(f"a part of the report is missing or damaged: {error!r}") from error


def summary_of(report: Json) -> dict[str, Any]:
    """What each house wanted and got over all intervals, and what became of the queued matches."""
    houses: dict[str, dict[str, Any]] = {}
    for run in report["runs"]:
        for share in run["result"]["houses"]:
            empty = {"house": share["house"], "intervals": 0} | dict.fromkeys(_SUMMED, 0)
            house = houses.setdefault(share["house"], empty)
            house["intervals"] += 1
            for name in _SUMMED:
                house[name] += share[name]
    states = [link["outcome"]["state"] for link in report["intents"]["links"]]
    return {
        "houses": [houses[name] for name in sorted(houses)],
        "intervals": len(report["runs"]),
        "intents": {state: states.count(state) for state in ("logged", "waiting", "conflict")},
        "loggedInOrder": not _out_of_order(report["intents"]["links"]),
    }


def not_allocated(report: Json) -> list[str]:
    """Intervals between the first and the last allocated one that were never allocated."""
    known = {datetime.fromisoformat(run["deliveryStart"]) for run in report["runs"]}
    if not known:
        return []
    first, length = min(known), timedelta(minutes=report["island"]["deliveryMinutes"])
    every = (first + number * length for number in range((max(known) - first) // length))
    return [start.isoformat().replace("+00:00", "Z") for start in every if start not in known]


_SUMMED = ("generationWh", "demandWh", "criticalWh", "shareWh", "criticalShareWh")


def _signature(document: Json, what: str) -> list[str]:
    """A contract wallet's signature cannot be judged without its chain; it is passed over here."""
    signature = bytes.fromhex(document["signature"][2:])
    if len(signature) != 65 or document["byContract"]:
        return []
    signer, operator = parse_address(document["signer"]), parse_address(document["body"]["message"]["operator"])
    if signer == operator == recover(digest_of_body(document["body"]), signature):
        return []
    return [f"{what} is not signed by its operator {document['signer']}"]


def _declared(report: Json) -> list[str]:
    message, island = report["declaration"]["body"]["message"], report["island"]
    said = {
        "community": island["community"],
        "reason": island["reason"],
        "startsAt": island["startsAtUnix"],
        "endsAt": island["endsAtUnix"],
        "priceCapMicroPerKwh": island["priceCapMicroPerKwh"],
    }
    found = [
        f"the declaration says {name} {message[name]}, the report {value}"
        for name, value in said.items()
        if str(message[name]) != str(value)
    ]
    for name in ("startsAt", "endsAt"):
        if _seconds(island[name]) != island[name + "Unix"]:
            found.append(f"island.{name} is {island[name]}, in seconds {island[name + 'Unix']}")
    return found


def _ended(report: Json) -> list[str]:
    """What is wrong with the early end: it must name this very declaration."""
    ending = report["ending"]
    if ending is None:
        return ["nobody signed for the early end"] if report["island"]["endedAt"] else []
    found = _signature(ending, "the early end")
    if digest_of_body(report["declaration"]["body"]).hex() != ending["body"]["message"]["declaration"][2:].lower():
        found.append("the early end is another island's")
    return found


def _intervals(report: Json) -> list[str]:
    """Intervals that the island does not cover, or that stand in the report twice."""
    island = report["island"]
    length_s, found, last = island["deliveryMinutes"] * 60, [], -1
    for run in report["runs"]:
        start = _seconds(run["deliveryStart"])
        if not island["startsAtUnix"] - length_s < start < island["endsAtUnix"]:
            found.append(f"{run['deliveryStart']}: the island does not cover this interval")
        if start <= last:
            found.append(f"{run['deliveryStart']}: stands behind a later interval, or twice")
        last = max(start, last)
    return found


def _allocation(run: Json) -> list[str]:
    computed, certificate = records.run(run["inputs"])
    found = _differences("result", computed, run["result"])
    if {entry["tier"] for entry in certificate} != {entry["tier"] for entry in run["certificate"]}:
        found.append("its certificate is of other tiers than those that went short")
    if run["inputs"]["deliveryStart"] != run["deliveryStart"]:
        found.append(f"its inputs are those of {run['inputs']['deliveryStart']}")
    if not proves(records.situation_of(run["inputs"]), run["certificate"]):
        found.append("its certificate does not prove that no share could be fairer")
    return found


def _queue(report: Json) -> list[str]:
    queue = report["intents"]
    links = [
        Intent(
            link["sequence"],
            bytes.fromhex(link["previousHash"][2:]),
            link["content"],
            bytes.fromhex(link["hash"][2:]),
        )
        for link in queue["links"]
    ]
    found = [] if queue["count"] == len(links) else [f"intents.count is {queue['count']}, listed are {len(links)}"]
    found += faults(UUID(report["island"]["id"]), bytes.fromhex(queue["head"][2:]), links)
    return found + _out_of_order(queue["links"])


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _out_of_order(links: Sequence[Json]) -> list[str]:
    """Links that were logged before one that was queued before them."""
    found, last = [], (-1, -1)
    for link in links:
        outcome = link["outcome"]
        if outcome["state"] != "logged":
            continue
        place = (outcome["blockNumber"], outcome["logIndex"])
        if place <= last:
            found.append(f"intent {link['sequence']} was logged before one that was queued before it")
        last = max(place, last)
    return found


def _differences(where: str, computed: Any, stored: Any) -> list[str]:
    """Each value that differs, by its place; dictionaries and lists are compared part by part."""
    if isinstance(computed, Mapping) and isinstance(stored, Mapping) and computed.keys() == stored.keys():
        return [fault for name in computed for fault in _differences(f"{where}.{name}", computed[name], stored[name])]
    if isinstance(computed, list) and isinstance(stored, list) and len(computed) == len(stored):
        pairs = zip(computed, stored, strict=True)
        return [
            fault for n, (ours, theirs) in enumerate(pairs) for fault in _differences(f"{where}[{n}]", ours, theirs)
        ]
    return [] if computed == stored else [f"{where} is {stored!r}, computed anew {computed!r}"]
