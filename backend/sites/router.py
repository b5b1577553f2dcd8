# SPDX-License-Identifier: Apache-2.0
"""HTTP edge of houses and readings."""

from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Discriminator, Field, Tag

from backend.accounts.deps import SIGNED_IN, Acting, Db, OrgScope, ServiceDb
from backend.accounts.errors import OrganizationNeeded, OrganizationNotFound
from backend.core.clock import utc_now
from backend.core.db import Actor
from backend.core.envelope import EnvelopeRoute, Paged, PageQuery
from backend.core.errors import refusals
from backend.core.units import Moment
from backend.sites import service, uploads
from backend.sites.errors import (
    DeviceKeyRefused,
    HouseChanged,
    HouseInUse,
    HouseNotFound,
    MeterNotEnrolled,
    MeterTaken,
    NotACommunity,
    OperatorOnly,
    OwnerNotMember,
    RangeRefused,
    ReadingInterval,
    ReadingsContradict,
    ReadingsRefused,
    UploadColumns,
    UploadEncoding,
    UploadFormat,
    UploadsBusy,
    UploadTooLarge,
    UploadTooManyRows,
)
from backend.sites.schemas import (
    BucketOut,
    CommunityOut,
    CorrectionOut,
    DeviceKeyIn,
    HouseIn,
    HouseOut,
    MeterOut,
    NewHouseIn,
    OutcomeOut,
    ReadingIn,
    SeriesOut,
    ZoneIn,
)
from backend.sites.series import Quantity
from backend.sites.types import MAX_JSON_READINGS, Draft, Outcome, RowProblem

houses = APIRouter(prefix="/api/houses", tags=["houses"], route_class=EnvelopeRoute)
readings = APIRouter(prefix="/api/energy-production", tags=["energy production"], route_class=EnvelopeRoute)
communities = APIRouter(prefix="/api/communities", tags=["communities"], route_class=EnvelopeRoute)
IN_ORG = (*SIGNED_IN, OrganizationNotFound)
SERIES_MINUTES = {"15m": 15, "30m": 30, "1h": 60}


@houses.get("", responses=refusals(*IN_ORG))
async def list_houses(
    actor: Acting, db: Db, page: PageQuery, owner_id: Annotated[UUID | None, Query(alias="ownerId")] = None
) -> Paged[HouseOut]:
    """Your houses and, for an operator, the community's."""
    found, total = await service.list_houses(db, actor=actor, owner_id=owner_id, offset=page.offset, limit=page.limit)
    return Paged(items=[HouseOut.of(house) for house in found], page=page.page, limit=page.limit, total=total)


@houses.post(
    "",
    status_code=201,
    responses=refusals(
        *IN_ORG,
        OrganizationNeeded,
        NotACommunity,
        OperatorOnly,
        OwnerNotMember,
        ReadingInterval,
        MeterNotEnrolled,
        MeterTaken,
    ),
)
async def create_house(body: NewHouseIn, actor: OrgScope, db: Db) -> HouseOut:
    """Register a house in the acting community."""
    house = await service.create_house(db, body.fields(), actor=actor, owner_id=body.owner_id, now=utc_now())
    return HouseOut.of(house)


@houses.get("/meters", responses=refusals(*IN_ORG, OrganizationNeeded, OwnerNotMember))
async def list_meters(actor: OrgScope, db: Db) -> list[MeterOut]:
    """The meters that the chain enrolled in the acting community for your wallets, and which house has each."""
    return [MeterOut.model_validate(meter) for meter in await service.list_meters(db, actor=actor)]


@communities.get("")
async def list_communities(service_db: ServiceDb) -> list[CommunityOut]:
    """The communities of the chain, by number. Public, without names."""
    return [CommunityOut.model_validate(found) for found in await service.list_communities(service_db)]


@houses.get("/{house_id}", responses=refusals(*IN_ORG, HouseNotFound))
async def get_house(house_id: UUID, actor: Acting, db: Db) -> HouseOut:
    """One house."""
    return HouseOut.of(await service.get_house(db, house_id, actor=actor))


@houses.put(
    "/{house_id}",
    responses=refusals(
        *IN_ORG, HouseNotFound, NotACommunity, OwnerNotMember, HouseInUse, ReadingInterval, MeterNotEnrolled, MeterTaken
    ),
)
async def update_house(house_id: UUID, body: HouseIn, actor: Acting, db: Db) -> HouseOut:
    """Replace what is said about a house."""
    return HouseOut.of(await service.update_house(db, house_id, body.fields(), actor=actor, now=utc_now()))


@houses.delete("/{house_id}", status_code=204, responses=refusals(*IN_ORG, HouseNotFound))
async def delete_house(house_id: UUID, actor: Acting, db: Db) -> None:
    """Take a house off the lists; its readings stay."""
    await service.delete_house(db, house_id, actor=actor, now=utc_now())


@houses.put(
    "/{house_id}/device-key",
    responses=refusals(*IN_ORG, HouseNotFound, MeterNotEnrolled, DeviceKeyRefused, OperatorOnly),
)
async def register_device_key(house_id: UUID, body: DeviceKeyIn, actor: Acting, db: Db) -> HouseOut:
    """Set the key with which the meter signs: the chain's, or one that an operator vouches for."""
    house = await service.register_device_key(db, house_id, body.device_key, actor=actor, now=utc_now())
    return HouseOut.of(house)


@houses.put("/{house_id}/zone", responses=refusals(*IN_ORG, HouseNotFound, OperatorOnly))
async def set_zone(house_id: UUID, body: ZoneIn, actor: Acting, db: Db) -> HouseOut:
    """Set the grid zone of a house, by which the market's grid fee is looked up. For operators of the community."""
    return HouseOut.of(await service.set_zone(db, house_id, body.zone, actor=actor, now=utc_now()))


@readings.get("", responses=refusals(*IN_ORG, HouseNotFound, RangeRefused))
async def get_readings(
    actor: Acting,
    db: Db,
    page: PageQuery,
    house_id: Annotated[UUID, Query(alias="houseId")],
    since: Annotated[Moment, Query(alias="from")],
    until: Annotated[Moment, Query(alias="to")],
    resolution: Literal["15m", "30m", "1h", "1d"] = "1h",
) -> Paged[BucketOut]:
    """Energy per interval: every bucket that touches [from, to), whole, in the community's time zone."""
    house = await service.get_house(db, house_id, actor=actor)
    time_zone = await service.time_zone_of(db, house, actor=actor)
    async with db.begin(actor) as session:
        found, total = await service.reading_sums(
            session, house, since=since, until=until, resolution=resolution, time_zone=time_zone,
            offset=page.offset, limit=page.limit,
        )  # fmt: skip
    items = [BucketOut.of(bucket, ZoneInfo(time_zone)) for bucket in found]
    return Paged(items=items, page=page.page, limit=page.limit, total=total)


@readings.get("/series", responses=refusals(*IN_ORG, HouseNotFound, RangeRefused))
async def get_series(
    actor: Acting,
    db: Db,
    page: PageQuery,
    since: Annotated[Moment, Query(alias="from")],
    until: Annotated[Moment, Query(alias="to")],
    quantity: Quantity = "consumption",
    resolution: Literal["15m", "30m", "1h"] = "1h",
    house_id: Annotated[UUID | None, Query(alias="houseId")] = None,
) -> Paged[SeriesOut]:
    """One quantity of each house that you see (or of one) as a regular series; a page is a page of houses.

    Steps lie on UTC. A step without all its readings is null.
    """
    found, total = await service.house_series(
        db, actor=actor, quantity=quantity, since=since, until=until, step_minutes=SERIES_MINUTES[resolution],
        house_id=house_id, offset=page.offset, limit=page.limit,
    )  # fmt: skip
    return Paged(items=[SeriesOut.of(one) for one in found], page=page.page, limit=page.limit, total=total)


@readings.get("/{house_id}/corrections", responses=refusals(*IN_ORG, HouseNotFound))
async def list_corrections(
    house_id: UUID,
    actor: Acting,
    db: Db,
    page: PageQuery,
    since: Annotated[Moment | None, Query(alias="from", description="start of the reading, inclusive")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="start of the reading, exclusive")] = None,
) -> Paged[CorrectionOut]:
    """What the house's readings said before they were corrected or attested better, the last replaced first."""
    house = await service.get_house(db, house_id, actor=actor)
    async with db.begin(actor) as session:
        found, total = await service.corrections(
            session, house.id, since=since, until=until, offset=page.offset, limit=page.limit
        )
    return Paged(items=[CorrectionOut.of(item) for item in found], page=page.page, limit=page.limit, total=total)


def _one_or_many(body: Any) -> str:
    return "many" if isinstance(body, list) else "one"


Many = Annotated[list[ReadingIn], Field(min_length=1, max_length=MAX_JSON_READINGS)]
Readings = Annotated[Annotated[ReadingIn, Tag("one")] | Annotated[Many, Tag("many")], Discriminator(_one_or_many)]
Attest = Annotated[
    Literal["declared", "operator"],
    Query(description="who stands behind unsigned readings; `operator` is for operators of the community"),
]
Correct = Annotated[bool, Query(description="let device and operator replace what is recorded; the old value is kept")]
TAKEN: dict[int | str, dict[str, Any]] = {
    200: {"model": OutcomeOut, "description": "Nothing new: every reading was recorded before"},
    207: {"model": OutcomeOut, "description": "Some readings were refused; `rows` says why"},
}
REFUSED = (*IN_ORG, OperatorOnly, HouseChanged, ReadingsContradict, ReadingsRefused)


@readings.post("", status_code=201, response_model=OutcomeOut, responses={**TAKEN, **refusals(*REFUSED)})
async def post_readings(
    body: Annotated[Readings, Body()], actor: Acting, db: Db, attestation: Attest = "declared", correct: Correct = False
) -> Response:
    """Record one reading or up to 1,000. Sending them again has no effect; contradictions are refused and shown."""
    many = body if isinstance(body, list) else [body]
    drafts = [reading.draft(line) for line, reading in enumerate(many, 1)]
    return _answer(await _record(db, drafts, [], actor, attestation, correct))


@readings.post(
    "/uploads",
    status_code=201,
    response_model=OutcomeOut,
    responses={
        **TAKEN,
        **refusals(
            *REFUSED, UploadFormat, UploadColumns, UploadEncoding, UploadTooLarge, UploadTooManyRows, UploadsBusy
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
async def upload_readings(
    request: Request,
    actor: Acting,
    db: Db,
    house_id: Annotated[UUID | None, Query(alias="houseId", description="house of rows that name none")] = None,
    attestation: Attest = "declared",
    correct: Correct = False,
) -> Response:
    """Record a file: CSV with a header line, or one JSON object a line; at most 100,000 rows and 50 MiB.

    Columns: houseId or meter, start, minutes, productionKwh, consumptionKwh, exportKwh, importKwh, temperatureC,
    source, signature, revision. An empty cell is unknown. Good rows land together, bad rows are listed;
    `Accept: text/csv` gives the list of all refused rows as CSV.
    """
    async with uploads.slot():
        length = request.headers.get("content-length", "")
        drafts, unreadable = await uploads.parse_upload(
            request.stream(),
            content_type=request.headers.get("content-type", ""),
            declared_length=int(length) if length.isdecimal() else None,
            house_id=house_id,
        )
        outcome = await _record(db, drafts, unreadable, actor, attestation, correct)
    if "text/csv" in request.headers.get("accept", ""):
        return Response(uploads.report_csv(outcome.problems), _status(outcome), media_type="text/csv; charset=utf-8")
    return _answer(outcome)


async def _record(
    db: Db, drafts: list[Draft], unreadable: list[RowProblem], actor: Actor, attestation: str, correct: bool
) -> Outcome:
    return await service.record_readings(
        db,
        drafts,
        actor=actor,
        as_operator=attestation == "operator",
        correct=correct,
        now=utc_now(),
        unreadable=unreadable,
    )


def _status(outcome: Outcome) -> int:
    if not outcome.problems:
        return 201 if outcome.changed else 200
    if outcome.changed or outcome.repeated:
        return 207
    contradicts = any(problem.code == "reading.contradicts" for problem in outcome.problems)
    return (ReadingsContradict if contradicts else ReadingsRefused).status


def _answer(outcome: Outcome) -> Response:
    status = _status(outcome)
    shown = OutcomeOut.of(outcome).model_dump(mode="json", by_alias=True)
    if status == ReadingsContradict.status:
        raise ReadingsContradict(**shown)
    if status == ReadingsRefused.status:
        raise ReadingsRefused(**shown)
    return JSONResponse(shown, status)


router = APIRouter()
router.include_router(houses)
router.include_router(readings)
router.include_router(communities)
