# SPDX-License-Identifier: Apache-2.0
"""Takes readings in: finds their houses, checks their signatures, applies the rules, writes, announces."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts.types import OrgRole
from backend.core import outbox
from backend.core.db import Actor, Database
from backend.sites import attestation as signing
from backend.sites import queries, staging
from backend.sites.errors import HouseChanged, OperatorOnly
from backend.sites.events import ReadingsRecorded
from backend.sites.rules import QUANTITIES, problem_of, refuse
from backend.sites.staging import Checked
from backend.sites.types import Attestation, Draft, House, Outcome, RowProblem

HOUSES_AN_EVENT = 500
_OFF_LOOP_ABOVE = 50


class _Houses(NamedTuple):
    by_id: Mapping[UUID, House]
    by_meter: Mapping[int, House]

    def of(self, draft: Draft) -> House | None:
        """The house that the draft names; None when there is none, or when id and meter name two."""
        if draft.house_id is None:
            return None if draft.meter is None else self.by_meter.get(draft.meter)
        house = self.by_id.get(draft.house_id)
        return house if house is None or draft.meter in (None, house.meter) else None


async def record_readings(
    db: Database,
    drafts: Sequence[Draft],
    *,
    actor: Actor,
    as_operator: bool,
    correct: bool,
    now: datetime,
    unreadable: Sequence[RowProblem] = (),
) -> Outcome:
    """Record what can be recorded and say for every other row why not. Repeating the call changes nothing.

    Signed drafts are attested by their device; the others by the operator if `as_operator`, else they are declared.
    `correct` lets device and operator replace what is recorded; the previous value is kept. All rows land in one
    transaction. Raises OperatorOnly when the actor operates no community, HouseChanged when a house was edited
    meanwhile.
    """
    if as_operator and actor.org_role != OrgRole.OPERATOR:
        raise OperatorOnly
    async with db.begin(actor) as session:
        houses = await _find(session, drafts)
    if len(drafts) > _OFF_LOOP_ABOVE:
        checked, problems = await asyncio.to_thread(_check, drafts, houses, actor, as_operator, now)
    else:
        checked, problems = _check(drafts, houses, actor, as_operator, now)
    unique, repeats, twice = _once_each(checked)
    problems += [*unreadable, *twice]
    received = len(drafts) + len(unreadable)
    if not unique:
        return Outcome(received, 0, 0, 0, 0, tuple(sorted(problems)))
    async with db.begin(actor) as session:
        used = {row.house.id: row.house for row in unique}
        if await queries.lock_houses(session, sorted(used)) != used:
            raise HouseChanged
        written = await staging.write(session, unique, correct=correct, recorded_by=actor.user_id, now=now)
        await outbox.add(session, *_events(written.changes, used))
    return Outcome(
        received=received,
        recorded=written.recorded,
        repeated=written.repeated + repeats,
        raised=written.raised,
        corrected=written.corrected,
        problems=tuple(sorted([*problems, *written.problems])),
    )


async def _find(session: AsyncSession, drafts: Sequence[Draft]) -> _Houses:
    ids = {draft.house_id for draft in drafts if draft.house_id is not None}
    meters = {draft.meter for draft in drafts if draft.meter is not None}
    found = await queries.houses_for_readings(session, ids=sorted(ids), meters=sorted(meters))
    return _Houses(
        by_id={house.id: house for house in found},
        by_meter={house.meter: house for house in found if house.meter is not None},
    )


def _check(
    drafts: Sequence[Draft], houses: _Houses, actor: Actor, as_operator: bool, now: datetime
) -> tuple[list[Checked], list[RowProblem]]:
    checked: list[Checked] = []
    problems: list[RowProblem] = []
    signed: list[Checked] = []
    unsigned = Attestation.OPERATOR if as_operator else Attestation.DECLARED
    for draft in drafts:
        house = houses.of(draft)
        if house is None:
            named = draft.house_id or draft.meter
            message = "no house of yours has this id or meter"
            problems.append(refuse(draft.line, "houseId", named, "sites.house_not_found", message))
            continue
        problem = problem_of(draft, house, now) or _standing_problem(draft, house, actor, as_operator)
        if problem is not None:
            problems.append(problem)
        elif draft.signature is not None:
            signed.append(Checked(draft, house, Attestation.DEVICE))
        else:
            checked.append(Checked(draft, house, unsigned))
    for row, signer in zip(signed, signing.signers([_signed_by(row) for row in signed]), strict=True):
        if signer is not None and signer == row.house.signing_key:
            checked.append(row)
        else:
            message = "not signed by this meter's key over these values; see the EIP-712 type Reading"
            problems.append(refuse(row.draft.line, "signature", "", "reading.signature", message))
    return checked, problems


def _standing_problem(draft: Draft, house: House, actor: Actor, as_operator: bool) -> RowProblem | None:
    """Why nobody can vouch for this draft in the way that it asks for, or None."""
    if draft.signature is not None and (house.meter is None or house.signing_key is None):
        message = "this house has no meter with a device key; register it, or send the reading unsigned"
        return refuse(draft.line, "signature", "", "reading.no_device_key", message)
    if draft.signature is None and as_operator and house.org_id != actor.org_id:
        message = "you operate another community than this house's"
        return refuse(draft.line, "houseId", house.id, "reading.not_operated", message)
    return None


def _signed_by(row: Checked) -> tuple[bytes, bytes]:
    draft, house, _ = row
    assert house.meter is not None
    assert draft.signature is not None
    digest = signing.reading_digest(
        meter=house.meter,
        start=draft.start,
        minutes=house.reading_minutes,
        revision=draft.revision,
        quantities=(draft.production_wh, draft.consumption_wh, draft.export_wh, draft.import_wh),
    )
    return digest, draft.signature


def _once_each(checked: Sequence[Checked]) -> tuple[list[Checked], int, list[RowProblem]]:
    """One row per (house, start): the first; how many rows only repeat one; those that contradict it."""
    first: dict[tuple[UUID, datetime], Checked] = {}
    repeats = 0
    problems = []
    for row in sorted(checked, key=lambda row: row.draft.line):
        known = first.setdefault((row.house.id, row.draft.start), row)
        if known is row:
            continue
        sent, had = _values(row.draft), _values(known.draft)
        if sent == had:
            repeats += 1
            if row.attestation.rank > known.attestation.rank:
                first[row.house.id, row.draft.start] = row
        else:
            source = f"row {known.draft.line} of this request says"
            problems.append(staging.contradiction(row.draft.line, sent=sent, known=had, source=source))
    return list(first.values()), repeats, problems


def _values(draft: Draft) -> dict[str, object]:
    return {name: getattr(draft, name) for _, name in QUANTITIES} | {"temperature_c": draft.temperature_c}


def _events(changes: Sequence[staging.Change], houses: Mapping[UUID, House]) -> list[ReadingsRecorded]:
    events = []
    for at in range(0, len(changes), HOUSES_AN_EVENT):
        part = changes[at : at + HOUSES_AN_EVENT]
        ids = tuple(change.house_id for change in part)
        meters = tuple(meter for meter in (houses[house_id].meter for house_id in ids) if meter is not None)
        start, end = min(change.start for change in part), max(change.end for change in part)
        corrected = any(change.corrected for change in part)
        events.append(ReadingsRecorded(ids, meters, start.astimezone(UTC), end.astimezone(UTC), corrected))
    return events
