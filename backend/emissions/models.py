# SPDX-License-Identifier: Apache-2.0
"""Table of the factors that the chain has registered."""

from datetime import datetime

from sqlalchemy import BigInteger, SmallInteger
from sqlmodel import Field, SQLModel

from backend.core.db import UtcDateTime
from backend.emissions.types import Basis, Factor


class EmissionFactor(SQLModel, table=True):
    """One factor version, as an event on chain told it; built from events alone."""

    __tablename__ = "emission_factors"

    chain: int = Field(primary_key=True, sa_type=SmallInteger)
    factor_id: int = Field(primary_key=True, sa_type=BigInteger)
    region: str
    basis: int = Field(sa_type=SmallInteger)
    mg_per_kwh: int
    valid_from: datetime = Field(sa_type=UtcDateTime)
    valid_to: datetime = Field(sa_type=UtcDateTime)
    effective_at: datetime = Field(sa_type=UtcDateTime)
    source: str
    vintage: str
    document_hash: bytes
    block_number: int = Field(sa_type=BigInteger)
    log_index: int

    def value(self) -> Factor:
        """The factor as a plain value that may leave the domain."""
        fields = {name: getattr(self, name) for name in EmissionFactor.model_fields}
        return Factor(**{**fields, "basis": Basis(self.basis)})
