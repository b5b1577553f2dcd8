# SPDX-License-Identifier: Apache-2.0
"""What disaster mode looks like over HTTP: kWh and prices outside, Wh and micro-units inside."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from backend.core.envelope import ApiModel
from backend.core.units import Address, EnergyKwh, EnergyKwhIn, Hash32, Moment, PriceIn, PricePerKwh, printable
from backend.market.islands.equipment import CriticalLoadFields, Expected, StorageFields
from backend.market.islands.reporting import outcome_of
from backend.market.islands.types import IntentState, Island

MAX_PRICE = 2**40 - 1
_MOST_WH = 10**12
_SIGNATURE = r"^0x([0-9a-fA-F]{2}){1,4096}$"


Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=280), AfterValidator(printable)
]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=280), AfterValidator(printable)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(printable)]
Signature = Annotated[str, StringConstraints(pattern=_SIGNATURE, max_length=2 + 2 * 4_096)]
Seconds = Annotated[int, Field(ge=0, le=2**40, description="seconds since 1970, as prepared")]
Energy = Annotated[EnergyKwhIn, Field(ge=0, le=_MOST_WH)]
Cap = Annotated[PriceIn, Field(gt=0, le=MAX_PRICE)]


class DeclarationIn(ApiModel):
    """A declaration with the operator's wallet's EIP-712 signature of exactly these values."""

    operator: Address
    community: int = Field(ge=1, le=2**32 - 1)
    reason: Reason
    starts_at: Seconds
    ends_at: Seconds
    price_cap: Cap
    expiry: Seconds
    signature: Signature


class EndingIn(ApiModel):
    """An early end with the operator's wallet's EIP-712 signature of exactly these values."""

    operator: Address
    expiry: Seconds
    signature: Signature


class PreparedOut(ApiModel):
    """A document to be signed with eth_signTypedData_v4, and the values to send back beside the signature."""

    operator: Address
    community: int
    starts_at: int | None = None
    ends_at: int | None = None
    expiry: int
    document_hash: Hash32
    typed_data: dict[str, Any]


class IslandOut(ApiModel):
    """An island. `head` is the hash of the last queued match; it fixes all before it."""

    id: UUID
    community: int
    state: Literal["coming", "in_force", "over"]
    reason: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    price_cap: PricePerKwh
    signer: Address
    declaration_hash: Hash32
    intents: int
    head: Hash32
    chain_lost_at: datetime | None = Field(description="since when the chain was out of reach, the last time")
    chain_back_at: datetime | None


class CriticalLoadIn(ApiModel):
    """A load that is served before others: tier 1 hospital, 2 shelter, 3 medical devices at home."""

    house_id: UUID
    tier: Literal[1, 2, 3]
    power_w: int = Field(ge=1, le=10**8, description="power that it needs all the time")
    note: Note = ""

    def fields(self) -> CriticalLoadFields:
        """As the verbs take it."""
        return CriticalLoadFields(self.house_id, self.tier, self.power_w, self.note)


class CriticalLoadOut(ApiModel):
    """A critical load."""

    id: UUID
    house_id: UUID
    tier: int
    power_w: int
    note: str
    created_at: datetime
    updated_at: datetime


class StorageIn(ApiModel):
    """A battery; without `houseId` the community's own. `stateKwh`: measured state of charge, if it is known."""

    house_id: UUID | None = None
    name: Name
    capacity_kwh: Annotated[EnergyKwhIn, Field(gt=0, le=_MOST_WH)]
    charge_w: int = Field(ge=0, le=10**9)
    discharge_w: int = Field(ge=0, le=10**9)
    reserve_kwh: Energy = 0
    efficiency_ppm: int = Field(default=900_000, ge=100_000, le=10**6, description="of a charged Wh, out again")
    state_kwh: Energy | None = None

    def fields(self) -> StorageFields:
        """As the verbs take it."""
        return StorageFields(
            house_id=self.house_id,
            name=self.name,
            capacity_wh=self.capacity_kwh,
            charge_w=self.charge_w,
            discharge_w=self.discharge_w,
            reserve_wh=self.reserve_kwh,
            efficiency_ppm=self.efficiency_ppm,
            state_wh=self.state_kwh,
        )


class StorageOut(ApiModel):
    """A battery and the state of charge at `stateAt`."""

    id: UUID
    house_id: UUID | None
    name: str
    capacity_kwh: EnergyKwh
    charge_w: int
    discharge_w: int
    reserve_kwh: EnergyKwh
    efficiency_ppm: int
    state_kwh: EnergyKwh
    state_at: datetime
    created_at: datetime
    updated_at: datetime


class ExpectedIn(ApiModel):
    """What a house expects of one delivery interval."""

    delivery_start: Moment
    generation_kwh: Energy
    demand_kwh: Energy

    def fields(self) -> Expected:
        """As the verbs take it."""
        return Expected(self.delivery_start, self.generation_kwh, self.demand_kwh)


class ForecastsIn(ApiModel):
    """Expectations of a house for coming intervals; the last word counts."""

    house_id: UUID
    intervals: list[ExpectedIn] = Field(min_length=1, max_length=288)


class ForecastsOut(ApiModel):
    """How many intervals were said."""

    house_id: UUID
    intervals: int


class AllocationOut(ApiModel):
    """What a house may use of the island's energy in an interval, and why so much. `source`: of its figures."""

    delivery_start: datetime
    house_id: UUID
    generation_kwh: EnergyKwh
    critical_kwh: EnergyKwh
    demand_kwh: EnergyKwh
    critical_share_kwh: EnergyKwh
    share_kwh: EnergyKwh
    source: str
    why: str


class IntentOut(ApiModel):
    """A queued match; `content` is what its hash covers, in Wh and micro-units."""

    sequence: int
    previous_hash: Hash32
    hash: Hash32
    content: dict[str, Any]
    chain_away: bool
    queued_at: datetime
    state: IntentState
    reason: str | None
    tx_hash: Hash32 | None
    block_number: int | None


def island_out(island: Island, now: datetime) -> IslandOut:
    """An island as it travels."""
    state: Literal["coming", "in_force", "over"] = "coming" if now < island.starts_at else "over"
    return IslandOut(
        id=island.id,
        community=island.community,
        state="in_force" if island.in_force(now) else state,
        reason=island.reason,
        starts_at=island.starts_at,
        ends_at=island.ends_at,
        ended_at=island.ended_at,
        price_cap=island.price_cap_micro_per_kwh,
        signer=island.signer,
        declaration_hash=island.body_hash,
        intents=island.intents,
        head=island.head,
        chain_lost_at=island.chain_lost_at,
        chain_back_at=island.chain_back_at,
    )


def storage_out(row: Mapping[str, Any]) -> StorageOut:
    """A battery as it travels."""
    values = dict(row)
    for name in ("capacity", "reserve", "state"):
        values[f"{name}_kwh"] = values.pop(f"{name}_wh")
    return StorageOut(**values)


def allocation_out(row: Mapping[str, Any]) -> AllocationOut:
    """A house's share as it travels."""
    values = dict(row)
    for name in ("generation", "critical", "demand", "critical_share", "share"):
        values[f"{name}_kwh"] = values.pop(f"{name}_wh")
    return AllocationOut(**values)


def intent_out(row: Mapping[str, Any]) -> IntentOut:
    """A queued match as it travels."""
    return IntentOut(
        sequence=row["sequence"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
        content=row["content"],
        chain_away=row["chain_away"],
        queued_at=row["queued_at"],
        state=outcome_of(dict(row)),
        reason=row["reason"],
        tx_hash=row["tx_hash"],
        block_number=row["block_number"],
    )
