# SPDX-License-Identifier: Apache-2.0
"""Published factors that GridX ships with their citation; a deployment registers the ones it needs on chain."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from backend.emissions.carbon import mg_per_kwh_from_lb_per_mwh
from backend.emissions.types import Basis, region_bytes


@dataclass(frozen=True, slots=True)
class CitedFactor:
    """A rate as published. `source` and `vintage` are what the chain shows beside every claim."""

    region: str
    region_name: str
    basis: Basis
    lb_per_mwh: Decimal
    source: str
    vintage: str

    @property
    def mg_per_kwh(self) -> int:
        """The rate in the contract's unit, rounded once (see `mg_per_kwh_from_lb_per_mwh`)."""
        return mg_per_kwh_from_lb_per_mwh(self.lb_per_mwh)

    def registration(
        self, *, factor_id: int, valid_from: datetime, valid_to: datetime, document_hash: bytes
    ) -> tuple[int, bytes, int, int, int, int, str, str, bytes]:
        """The arguments of the contract's `registerFactor`, in order.

        `document_hash` is the SHA-256 of the workbook that the registrar holds; ValueError unless it has 32 bytes.
        """
        if len(document_hash) != 32:
            raise ValueError("a document hash has 32 bytes")
        if not valid_from < valid_to:
            raise ValueError("a factor is valid for some time")
        start, end = int(valid_from.timestamp()), int(valid_to.timestamp())
        region = region_bytes(self.region)
        return (
            factor_id, region, self.basis.value, self.mg_per_kwh, start, end, self.source, self.vintage, document_hash
        )  # fmt: skip


CAMX_2023_NON_BASELOAD = CitedFactor(
    region="CAMX",
    region_name="WECC California",
    basis=Basis.NON_BASELOAD,
    lb_per_mwh=Decimal("1037.147"),
    source="US EPA eGRID2023, table SRL23, subregion annual CO2 equivalent non-baseload output emission rate (lb/MWh)",
    vintage="2023",
)
"""The demonstration community's factor for avoided-emission estimates: 470442 mg/kWh."""

CAMX_2023_AVERAGE = CitedFactor(
    region="CAMX",
    region_name="WECC California",
    basis=Basis.AVERAGE,
    lb_per_mwh=Decimal("438.203"),
    source="US EPA eGRID2023, table SRL23, subregion annual CO2 equivalent total output emission rate (lb/MWh)",
    vintage="2023",
)
"""The same region's average factor, for inventories only."""

CITED_FACTORS = (CAMX_2023_NON_BASELOAD, CAMX_2023_AVERAGE)
