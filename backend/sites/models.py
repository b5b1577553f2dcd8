# SPDX-License-Identifier: Apache-2.0
"""Tables of the sites domain that are read row by row; readings are written and summed in bulk, by SQL."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, Numeric, SmallInteger
from sqlmodel import Field, SQLModel

from backend.core.db import UtcDateTime
from backend.core.ids import uuid7


class HouseRow(SQLModel, table=True):
    """A metered place. Its owner and the operators of its community see it; a deleted one keeps its readings."""

    __tablename__ = "houses"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    owner_id: UUID
    org_id: UUID
    name: str
    capacity_w: int = Field(sa_type=BigInteger)
    connection_w: int | None = Field(default=None, sa_type=BigInteger)
    latitude: Decimal = Field(sa_type=Numeric(8, 6))
    longitude: Decimal = Field(sa_type=Numeric(9, 6))
    reading_minutes: int = Field(sa_type=SmallInteger)
    meter: int | None = Field(default=None, sa_type=BigInteger)
    device_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    zone: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ChainMeter(SQLModel, table=True):
    """A meter as the chain enrolled it."""

    __tablename__ = "chain_meters"

    chain: int = Field(primary_key=True, sa_type=SmallInteger)
    meter: int = Field(primary_key=True, sa_type=BigInteger)
    owner_address: bytes = Field(sa_type=LargeBinary)
    community: int = Field(sa_type=BigInteger)
    region: str
    delivery_minutes: int = Field(sa_type=SmallInteger)
    device_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    block_number: int = Field(sa_type=BigInteger)
    log_index: int
