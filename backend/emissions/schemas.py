# SPDX-License-Identifier: Apache-2.0
"""Emission factors as they travel over HTTP."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from backend.core.envelope import ApiModel
from backend.core.units import Hash32
from backend.emissions.types import FOREVER, Basis, Factor

BasisName = Literal["average", "nonBaseload"]
_NAMES: dict[Basis, BasisName] = {Basis.AVERAGE: "average", Basis.NON_BASELOAD: "nonBaseload"}
BASES = {name: basis for basis, name in _NAMES.items()}


class FactorOut(ApiModel):
    """A factor version with its provenance."""

    factor_id: int
    region: str = Field(examples=["CAMX"])
    basis: BasisName = Field(description="average: inventories; nonBaseload: avoided-emission estimates")
    mg_per_kwh: int = Field(description="milligrams CO2e per kWh")
    valid_from: datetime
    valid_to: datetime | None = Field(description="first delivery that it does not cover; null: no end")
    effective_at: datetime = Field(description="first moment at which a trade can use it")
    source: str
    vintage: str
    document_hash: Hash32 = Field(description="SHA-256 of the source document")
    chain: int
    block_number: int

    @classmethod
    def of(cls, factor: Factor) -> "FactorOut":
        """What is shown of `factor`."""
        return cls(
            factor_id=factor.factor_id,
            region=factor.region,
            basis=_NAMES[factor.basis],
            mg_per_kwh=factor.mg_per_kwh,
            valid_from=factor.valid_from,
            valid_to=None if factor.valid_to == FOREVER else factor.valid_to,
            effective_at=factor.effective_at,
            source=factor.source,
            vintage=factor.vintage,
            document_hash=factor.document_hash,
            chain=factor.chain,
            block_number=factor.block_number,
        )
