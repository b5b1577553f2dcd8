# SPDX-License-Identifier: Apache-2.0
"""Verbs on houses. Owners keep their own; operators keep those of their community and vouch for device keys."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.accounts import service as accounts
from backend.accounts.errors import UserNotFound
from backend.accounts.types import OrgKind, OrgRole
from backend.core.db import Actor, Database
from backend.sites import queries
from backend.sites.errors import (
    DeviceKeyRefused,
    HouseInUse,
    HouseNotFound,
    MeterNotEnrolled,
    MeterTaken,
    NotACommunity,
    OperatorOnly,
    OwnerNotMember,
    ReadingInterval,
)
from backend.sites.models import HouseRow
from backend.sites.types import READING_MINUTES, EnrolledMeter, RegisteredCommunity


@dataclass(frozen=True, slots=True)
class HouseFields:
    """What owner or operator say about a house. `reading_minutes` None: the community's delivery interval;
    `connection_w` None: not told what the connection to the grid carries."""

    name: str
    capacity_w: int
    latitude: Decimal
    longitude: Decimal
    meter: int | None = None
    reading_minutes: int | None = None
    connection_w: int | None = None


@dataclass(frozen=True, slots=True)
class _Community:
    number: int | None
    delivery_minutes: int


async def create_house(
    db: Database, fields: HouseFields, *, actor: Actor, owner_id: UUID | None = None, now: datetime
) -> HouseRow:
    """Register a house in the acting community, for the actor or, by an operator, for a member of the community.

    Raises NotACommunity, OperatorOnly, OwnerNotMember, ReadingInterval, MeterNotEnrolled, MeterTaken.
    """
    assert actor.user_id is not None
    assert actor.org_id is not None
    owner = owner_id or actor.user_id
    if owner != actor.user_id and actor.org_role != OrgRole.OPERATOR:
        raise OperatorOnly
    community = await _community(db, actor.org_id, actor)
    wallets = await _wallets(db, owner, actor)
    house = HouseRow(
        owner_id=owner,
        org_id=actor.org_id,
        name=fields.name,
        capacity_w=fields.capacity_w,
        connection_w=fields.connection_w,
        latitude=fields.latitude,
        longitude=fields.longitude,
        reading_minutes=_reading_minutes(fields.reading_minutes, community),
        meter=fields.meter,
        created_at=now,
        updated_at=now,
    )
    async with db.begin(actor) as session:
        if house.meter is not None:
            await _check_meter(session, house.meter, wallets=wallets, community=community, actor=actor)
        session.add(house)
        await _flush(session, fields.meter)
        await accounts.record(
            session, "house.created", now=now, user_id=actor.user_id, org_id=house.org_id, subject=("house", house.id)
        )
    return house


async def update_house(db: Database, house_id: UUID, fields: HouseFields, *, actor: Actor, now: datetime) -> HouseRow:
    """Replace what is said about a house. Under readings its reading interval and its meter stay.

    A `reading_minutes` or `connection_w` of None leaves it as it is. Raises HouseNotFound, HouseInUse, ReadingInterval,
    MeterNotEnrolled, MeterTaken.
    """
    known = await get_house(db, house_id, actor=actor)
    community = await _community(db, known.org_id, actor)
    wallets = await _wallets(db, known.owner_id, actor)
    async with db.begin(actor) as session:
        house = await _lock(session, house_id)
        minutes = house.reading_minutes
        if fields.reading_minutes is not None:
            minutes = _reading_minutes(fields.reading_minutes, community)
        replaces_meter = house.meter is not None and fields.meter != house.meter
        if (minutes != house.reading_minutes or replaces_meter) and await queries.has_readings(session, house_id):
            raise HouseInUse(house_id=house_id)
        if fields.meter is not None and fields.meter != house.meter:
            await _check_meter(session, fields.meter, wallets=wallets, community=community, actor=actor)
        if fields.meter != house.meter:
            house.device_key = None
        house.name, house.capacity_w, house.meter = fields.name, fields.capacity_w, fields.meter
        house.latitude, house.longitude = fields.latitude, fields.longitude
        house.connection_w = fields.connection_w or house.connection_w
        house.reading_minutes, house.updated_at = minutes, now
        await _flush(session, fields.meter)
        await accounts.record(
            session, "house.updated", now=now, user_id=actor.user_id, org_id=house.org_id, subject=("house", house.id)
        )
    return house


async def register_device_key(
    db: Database, house_id: UUID, device_key: bytes, *, actor: Actor, now: datetime
) -> HouseRow:
    """Set the key with which the house's meter signs. Repeating the call changes nothing.

    The chain decides where it names a key; elsewhere only an operator of the community can vouch for one, because an
    owner who chose the key could sign whatever earns. Raises HouseNotFound, MeterNotEnrolled, DeviceKeyRefused,
    OperatorOnly.
    """
    async with db.begin(actor) as session:
        house = await _lock(session, house_id)
        if house.meter is None:
            raise MeterNotEnrolled("Give the house its meter first", house_id=house_id)
        enrolled = await queries.chain_meter(session, house.meter)
        on_chain = enrolled.device_key if enrolled is not None else None
        if on_chain is not None and on_chain != device_key:
            raise DeviceKeyRefused(meter=str(house.meter), on_chain=on_chain)
        if on_chain is None and not _operates(actor, house.org_id):
            raise OperatorOnly(house_id=house_id)
        if house.device_key == device_key:
            return house
        house.device_key, house.updated_at = device_key, now
        await session.flush()
        await accounts.record(
            session, "house.device_key_registered", now=now, user_id=actor.user_id, org_id=house.org_id,
            subject=("house", house.id), device_key=device_key,
        )  # fmt: skip
    return house


async def set_zone(db: Database, house_id: UUID, zone: str, *, actor: Actor, now: datetime) -> HouseRow:
    """Say in which grid zone a house lies; orders that are placed from now on bear its grid fee.

    Only an operator of the community may: the owner would choose the cheapest. Raises HouseNotFound, OperatorOnly.
    """
    async with db.begin(actor) as session:
        house = await _lock(session, house_id)
        if not _operates(actor, house.org_id):
            raise OperatorOnly("Only an operator of the community may set the grid zone", house_id=house_id)
        if house.zone == zone:
            return house
        before, house.zone, house.updated_at = house.zone, zone, now
        await session.flush()
        await accounts.record(
            session, "house.zone_set", now=now, user_id=actor.user_id, org_id=house.org_id,
            subject=("house", house.id), before=before, after=zone,
        )  # fmt: skip
    return house


async def delete_house(db: Database, house_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Take a house off every list; its readings stay, because credited energy rests on them, and so does its meter's
    name. A house that was never read sets its meter free. Raises HouseNotFound."""
    async with db.begin(actor) as session:
        house = await _lock(session, house_id)
        if not await queries.has_readings(session, house_id):
            house.meter = house.device_key = None
        house.deleted_at = house.updated_at = now
        await session.flush()
        await accounts.record(
            session, "house.deleted", now=now, user_id=actor.user_id, org_id=house.org_id, subject=("house", house.id)
        )


async def get_house(db: Database, house_id: UUID, *, actor: Actor) -> HouseRow:
    """A house that the actor may see; raises HouseNotFound."""
    async with db.begin(actor) as session:
        house = await queries.house(session, house_id)
    if house is None:
        raise HouseNotFound(house_id=house_id)
    return house


async def list_houses(
    db: Database, *, actor: Actor, owner_id: UUID | None, offset: int, limit: int
) -> tuple[list[HouseRow], int]:
    """The houses that the actor may see (in the acting organisation, if there is one), and how many there are."""
    async with db.begin(actor) as session:
        return await queries.page_of_houses(session, org_id=actor.org_id, owner_id=owner_id, offset=offset, limit=limit)


async def list_meters(db: Database, *, actor: Actor) -> list[EnrolledMeter]:
    """The meters that the chain enrolled for the actor's present wallets in the acting community, lowest first."""
    assert actor.user_id is not None
    assert actor.org_id is not None
    organization = await accounts.get_organization(db, actor.org_id, actor=actor)
    wallets = await _wallets(db, actor.user_id, actor)
    async with db.begin(actor) as session:
        return await queries.meters_of(session, wallets, organization.community_number or 0)


async def list_communities(service_db: Database) -> list[RegisteredCommunity]:
    """The communities of the chain. Reads as gridx_service: the calendar and currency alone leave an organisation."""
    async with service_db.begin() as session:
        return await queries.registered_communities(session)


async def time_zone_of(db: Database, house: HouseRow, *, actor: Actor) -> str:
    """The IANA zone of the house's community."""
    return (await accounts.get_organization(db, house.org_id, actor=actor)).time_zone


async def _lock(session: AsyncSession, house_id: UUID) -> HouseRow:
    house = await queries.lock_house(session, house_id)
    if house is None:
        raise HouseNotFound(house_id=house_id)
    return house


async def _community(db: Database, org_id: UUID, actor: Actor) -> _Community:
    organization = await accounts.get_organization(db, org_id, actor=actor)
    if organization.kind != OrgKind.COMMUNITY or organization.delivery_minutes is None:
        raise NotACommunity(org_id=org_id)
    return _Community(organization.community_number, organization.delivery_minutes)


async def _wallets(db: Database, owner_id: UUID, actor: Actor) -> list[bytes]:
    try:
        return (await accounts.get_user(db, owner_id, actor=actor))[1]
    except UserNotFound as error:
        raise OwnerNotMember(owner_id=owner_id) from error


def _reading_minutes(wanted: int | None, community: _Community) -> int:
    minutes = community.delivery_minutes if wanted is None else wanted
    if minutes not in READING_MINUTES or community.delivery_minutes % minutes:
        raise ReadingInterval(reading_minutes=minutes, delivery_minutes=community.delivery_minutes)
    return minutes


async def _check_meter(
    session: AsyncSession, meter: int, *, wallets: list[bytes], community: _Community, actor: Actor
) -> None:
    """A meter belongs to the wallet and community that the chain names. An operator may name one in advance."""
    enrolled = await queries.chain_meter(session, meter)
    if enrolled is None:
        if actor.org_role != OrgRole.OPERATOR:
            raise MeterNotEnrolled(meter=str(meter))
        return
    if enrolled.owner_address not in wallets or enrolled.community != community.number:
        raise MeterNotEnrolled(meter=str(meter))


async def _flush(session: AsyncSession, meter: int | None) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        cause = getattr(error.orig, "__cause__", None)
        if getattr(cause, "constraint_name", None) == "houses_meter_key":
            raise MeterTaken(meter=str(meter)) from error
        raise


def _operates(actor: Actor, org_id: UUID) -> bool:
    return actor.org_id == org_id and actor.org_role == OrgRole.OPERATOR
