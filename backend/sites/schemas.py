# SPDX-License-Identifier: Apache-2.0
"""Houses and readings as they travel over HTTP. Energy is kWh text, null is unknown."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from backend.core.envelope import ApiModel
from backend.core.units import Address, EnergyKwh, EnergyKwhIn, format_scaled, parse_scaled
from backend.sites.history import ReadingCorrection, Said
from backend.sites.models import HouseRow
from backend.sites.series import HouseSeries
from backend.sites.service import HouseFields
from backend.sites.types import Attestation, BucketSum, Draft, Outcome, RowProblem

MAX_CAPACITY_W = 100_000_000


def _meter(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isascii():
        raise PydanticCustomError("meter.invalid", "a meter is a whole number from 1 below 2^63")
    if not str(value).isdigit() or not 0 < len(str(value)) <= 19 or not 0 < int(value) < 2**63:
        raise PydanticCustomError("meter.invalid", "a meter is a whole number from 1 below 2^63")
    return int(value)


MeterRef = Annotated[
    int,
    BeforeValidator(_meter),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,19}$", "examples": ["4611686018427387909"]}),
]
CapacityKwIn = Annotated[
    int,
    BeforeValidator(lambda value: parse_scaled(value, decimals=3, unit="kW")),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "decimal"}, {"type": "number"}], "examples": ["5.5"]}),
]
CapacityKw = Annotated[
    int,
    PlainSerializer(lambda watts: format_scaled(watts, decimals=3), return_type=str),
    WithJsonSchema({"type": "string", "format": "decimal", "examples": ["5.5"]}, mode="serialization"),
]
Degrees = Annotated[Decimal, PlainSerializer(lambda degrees: format(degrees.normalize(), "f"), return_type=str)]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Quantity = Annotated[EnergyKwhIn, Field(ge=0)]


class HouseIn(ApiModel):
    """A house as its owner or the community's operator describes it."""

    name: Line
    capacity_kw: Annotated[
        CapacityKwIn, Field(ge=0, le=MAX_CAPACITY_W, description="what its panels deliver at most; 0 without panels")
    ]
    connection_kw: Annotated[CapacityKwIn, Field(ge=1, le=MAX_CAPACITY_W)] | None = Field(
        default=None,
        description="what its connection to the grid carries: no bid asks for more, no offer gives more; until it is "
        "told, bids may ask for 17.25 kW (three phases of 25 A at 230 V), or for its capacity if that is more",
    )
    latitude: Annotated[Decimal, Field(ge=-90, le=90, decimal_places=6)]
    longitude: Annotated[Decimal, Field(ge=-180, le=180, decimal_places=6)]
    meter: MeterRef | None = Field(default=None, description="reference of the meter on chain")
    reading_minutes: Literal[1, 5, 15, 30, 60] | None = Field(
        default=None, description="length of the readings; default: the community's delivery interval"
    )

    def fields(self) -> HouseFields:
        """What the verbs take."""
        return HouseFields(
            name=self.name,
            capacity_w=self.capacity_kw,
            connection_w=self.connection_kw,
            latitude=self.latitude,
            longitude=self.longitude,
            meter=self.meter,
            reading_minutes=self.reading_minutes,
        )


class NewHouseIn(HouseIn):
    """A new house in the acting community."""

    owner_id: UUID | None = Field(default=None, description="operators only: the member who owns it")


class DeviceKeyIn(ApiModel):
    """The address of the key with which a meter signs its readings."""

    device_key: Address


class ZoneIn(ApiModel):
    """The grid zone of a house, by which its community's grid fee is looked up; empty: none."""

    zone: str = Field(max_length=32)


class HouseOut(ApiModel):
    """A house. `zone` is its grid zone, by which the market's grid fee is looked up; `connectionKw` null: not told."""

    id: UUID
    owner_id: UUID
    org_id: UUID
    name: str
    capacity_kw: CapacityKw
    connection_kw: CapacityKw | None
    latitude: Degrees
    longitude: Degrees
    meter: MeterRef | None
    device_key: Address | None = Field(description="registered by the operator; a key on chain goes before it")
    zone: str
    reading_minutes: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, house: HouseRow) -> "HouseOut":
        """What is shown of `house`."""
        return cls(
            id=house.id,
            owner_id=house.owner_id,
            org_id=house.org_id,
            name=house.name,
            capacity_kw=house.capacity_w,
            connection_kw=house.connection_w,
            latitude=house.latitude,
            longitude=house.longitude,
            meter=house.meter,
            device_key=house.device_key,
            zone=house.zone,
            reading_minutes=house.reading_minutes,
            created_at=house.created_at,
            updated_at=house.updated_at,
        )


class MeterOut(ApiModel):
    """A meter that the chain enrolled for one's wallet. `houseId`: the house that has it; `deviceKey` signs for it."""

    meter: MeterRef
    owner_address: Address
    region: str
    delivery_minutes: int
    device_key: Address | None
    house_id: UUID | None


class CommunityOut(ApiModel):
    """A community by its number on chain; its name is told to members."""

    community: int
    region: str
    delivery_minutes: int
    time_zone: str
    currency: str


class ReadingIn(ApiModel):
    """What a house read in the interval that starts at `start`. A quantity that is missing or null is unknown."""

    house_id: UUID | None = None
    meter: MeterRef | None = Field(default=None, description="names the house where houseId does not")
    start: AwareDatetime
    minutes: int | None = Field(default=None, ge=1, le=1_440, description="default: the house's reading interval")
    production_kwh: Quantity | None = None
    consumption_kwh: Quantity | None = None
    export_kwh: Quantity | None = None
    import_kwh: Quantity | None = None
    temperature_c: Annotated[Decimal, Field(ge=-90, le=90, decimal_places=2)] | None = None
    source: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    signature: Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{130}$")] | None = Field(
        default=None,
        description="65 bytes r, s, v of the meter's key over EIP-712 Reading(uint64 meter,uint64 start,uint16 minutes,"
        "uint32 revision,uint8 known,uint64 productionWh,uint64 consumptionWh,uint64 exportWh,uint64 importWh) in the "
        'domain {name "GridX Readings", version "1"}; bit 0 to 3 of `known`: production, consumption, export, import',
    )
    revision: int = Field(default=0, ge=0, lt=2**31, description="grows with each signed correction")

    def draft(self, line: int) -> Draft:
        """The reading as the verbs take it."""
        return Draft(
            line=line,
            house_id=self.house_id,
            meter=self.meter,
            start=self.start,
            minutes=self.minutes,
            production_wh=self.production_kwh,
            consumption_wh=self.consumption_kwh,
            export_wh=self.export_kwh,
            import_wh=self.import_kwh,
            temperature_c=self.temperature_c,
            source=self.source,
            signature=None if self.signature is None else bytes.fromhex(self.signature[2:]),
            revision=self.revision,
        )


class RowProblemOut(ApiModel):
    """Why a row was not taken. `line` is its place in the list or file, from 1."""

    line: int
    field: str
    value: str
    code: str
    message: str

    @classmethod
    def of(cls, problem: RowProblem) -> "RowProblemOut":
        """What is shown of `problem`."""
        return cls(**problem._asdict())


class OutcomeOut(ApiModel):
    """What became of the readings that were sent; the five counts add up to `received`."""

    received: int
    recorded: int = Field(description="new")
    repeated: int = Field(description="known already with the same values: no effect")
    raised: int = Field(description="known already, now attested better")
    corrected: int = Field(description="replaced because correct=true; the previous value is kept")
    refused: int
    rows: list[RowProblemOut] = Field(description="the first 1,000 refused rows; text/csv gives all")

    @classmethod
    def of(cls, outcome: Outcome, *, most: int = 1_000) -> "OutcomeOut":
        """What is shown of `outcome`."""
        return cls(
            received=outcome.received,
            recorded=outcome.recorded,
            repeated=outcome.repeated,
            raised=outcome.raised,
            corrected=outcome.corrected,
            refused=len(outcome.problems),
            rows=[RowProblemOut.of(problem) for problem in outcome.problems[:most]],
        )


class KnownMinutes(ApiModel):
    """For how many minutes of an interval each quantity is known."""

    production: int
    consumption: int
    export: int
    import_: int = Field(alias="import")


class BucketOut(ApiModel):
    """A house's energy in `[start, end)`, in the community's time zone. A sum is null unless its quantity is known for
    all `minutes`."""

    start: datetime
    end: datetime
    minutes: int
    production_kwh: EnergyKwh | None
    consumption_kwh: EnergyKwh | None
    export_kwh: EnergyKwh | None
    import_kwh: EnergyKwh | None
    known_minutes: KnownMinutes
    complete: bool = Field(description="readings cover the whole interval")
    temperature_c: Degrees | None = Field(description="mean of what is known")
    attestation: Attestation | None = Field(description="the weakest one among the readings")

    @classmethod
    def of(cls, bucket: BucketSum, zone: ZoneInfo) -> "BucketOut":
        """What is shown of `bucket`."""
        return cls(
            start=bucket.start.astimezone(zone),
            end=bucket.end.astimezone(zone),
            minutes=bucket.minutes,
            production_kwh=bucket.production_wh,
            consumption_kwh=bucket.consumption_wh,
            export_kwh=bucket.export_wh,
            import_kwh=bucket.import_wh,
            known_minutes=KnownMinutes.model_validate(bucket.known_minutes),
            complete=bucket.complete,
            temperature_c=bucket.temperature_c,
            attestation=bucket.attestation,
        )


class SeriesOut(ApiModel):
    """A house's energy in each step of `step_minutes` from `start` on, kWh text; null is unknown."""

    house_id: UUID
    start: datetime
    step_minutes: int
    energy_kwh: list[EnergyKwh | None]

    @classmethod
    def of(cls, series: HouseSeries) -> "SeriesOut":
        """What is shown of a series."""
        return cls(
            house_id=series.house_id,
            start=series.start,
            step_minutes=series.step_minutes,
            energy_kwh=series.energy_wh,
        )


class SaidOut(ApiModel):
    """What a reading said; null is unknown."""

    production_kwh: EnergyKwh | None
    consumption_kwh: EnergyKwh | None
    export_kwh: EnergyKwh | None
    import_kwh: EnergyKwh | None
    temperature_c: Degrees | None
    source: str | None
    attestation: Attestation
    revision: int
    recorded_at: datetime

    @classmethod
    def of(cls, said: Said) -> "SaidOut":
        """The values as shown."""
        return cls(
            production_kwh=said.production_wh,
            consumption_kwh=said.consumption_wh,
            export_kwh=said.export_wh,
            import_kwh=said.import_wh,
            temperature_c=said.temperature_c,
            source=said.source,
            attestation=said.attestation,
            revision=said.revision,
            recorded_at=said.recorded_at,
        )


class CorrectionOut(ApiModel):
    """A reading that was corrected or attested better: before and after."""

    start: datetime
    minutes: int
    before: SaidOut
    after: SaidOut | None
    replaced_at: datetime
    replaced_by: UUID | None

    @classmethod
    def of(cls, correction: ReadingCorrection) -> "CorrectionOut":
        """The correction as shown."""
        return cls(
            start=correction.start,
            minutes=correction.minutes,
            before=SaidOut.of(correction.before),
            after=SaidOut.of(correction.after) if correction.after else None,
            replaced_at=correction.replaced_at,
            replaced_by=correction.replaced_by,
        )
