# SPDX-License-Identifier: Apache-2.0
"""Forecasts over HTTP. Energy is a number here: an expectation, never an amount that is settled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from ai_service.envelope import ApiModel
from ai_service.forecasting.types import Finding
from ai_service.forecasts.engine import Forecast
from ai_service.forecasts.recent import Figures
from ai_service.houses import Quantity

LEVELS = [50, 80, 90]
Text = Annotated[str, Field(max_length=100)]


class SeriesIn(ApiModel):
    """A series that the caller brings along: times (ISO 8601) and values beside them; null is unknown."""

    times: list[Annotated[str, Field(max_length=40)]] = Field(fail_fast=True)
    values: list[float | None] = Field(fail_fast=True)
    timezone: Text = Field(default="UTC", description="zone of times without offset, and of the calendar")
    region: Text | None = Field(default=None, description="public holidays of US, AU-VIC, …")
    total: bool = Field(default=False, description="values are energy: a coarser step is their sum, not their mean")


class ForecastIn(ApiModel):
    """A question: exactly one of houseId, communityId, cityId and series."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "houseId": "01912f6c-0000-7000-8000-000000000001",
                    "quantity": "consumption",
                    "horizonHours": 24,
                    "resolution": "1h",
                    "levels": [50, 80, 90],
                }
            ]
        }
    )

    house_id: UUID | None = None
    community_id: UUID | None = None
    city_id: Text | None = None
    series: SeriesIn | None = None
    quantity: Quantity = Field(default="consumption", description="of houses and communities")
    horizon_hours: int = Field(default=24, description="1 to 168")
    resolution: Text | None = Field(
        default=None, description="15min, 30min, 1h; by default an hour, of a series its own step"
    )
    levels: list[int] = Field(
        default=LEVELS, fail_fast=True, description="central intervals in percent, 1 to 95, at most ten"
    )
    with_houses: bool = Field(default=False, description="of a community: each house's part, for those that you see")


class BatchIn(ApiModel):
    """Many questions in one call."""

    questions: list[ForecastIn] = Field(fail_fast=True)


class IntervalOut(ApiModel):
    """A central interval: `level` percent of what comes should lie in it."""

    level: int
    low: float
    high: float


class StepOut(ApiModel):
    """One interval of time: the median and the asked intervals around it."""

    start: datetime
    median: float
    intervals: list[IntervalOut]


class ModelOut(ApiModel):
    """What answered, and from what it was learned."""

    name: str
    version: str
    data_hash: str
    code_version: str
    weights: dict[str, float]


class BacktestOut(ApiModel):
    """How this model did on earlier origins that it had not seen; null where there were too few of them."""

    origins: int
    mae: float | None
    mase: float | None
    pinball: float | None
    coverage: dict[str, float] | None


class FallbackOut(ApiModel):
    """The forecast is borrowed from the community's profile: why, the ratio, and the readings it rests on."""

    reason: str
    ratio: float
    readings: int


class FindingOut(ApiModel):
    """Something about the readings that a reader should know."""

    code: str
    count: int
    first: str
    detail: str
    repair: str


class CoherentOut(ApiModel):
    """How a community's forecast fits its houses: it is their sum; `moved` is what its own forecast gave way."""

    houses: int
    silent_houses: int
    moved: float


class HousePartOut(ApiModel):
    """A house's expected part of its community, a value per step."""

    house_id: str
    median: list[float]


class ForecastOut(ApiModel):
    """A forecast with its origin. `availableAt` is when it was made: earlier decisions could not have known it."""

    house_id: str | None = None
    community_id: str | None = None
    city_id: str | None = None
    quantity: Quantity | None = None
    unit: str
    resolution_minutes: int
    available_at: datetime
    data_until: datetime | None
    data_age_seconds: int | None
    steps: list[StepOut]
    model: ModelOut
    backtest: BacktestOut
    findings: list[FindingOut]
    fallback: FallbackOut | None
    coherence: CoherentOut | None = None
    houses: list[HousePartOut] | None = None


class RefusalOut(ApiModel):
    """Why one question of many has no forecast."""

    code: str
    message: str
    details: dict[str, Any]


class AnswerOut(ApiModel):
    """The answer to one question of many: a forecast or a refusal."""

    forecast: ForecastOut | None
    error: RefusalOut | None


class BatchOut(ApiModel):
    """Answers in the order of the questions."""

    answers: list[AnswerOut]


def forecast_out(found: Forecast, levels: list[int], *, now: datetime, unit: str, **subject: Any) -> ForecastOut:
    """What travels of a forecast."""
    median = found.median
    ends = {level: found.interval(level) for level in levels}
    steps = [
        StepOut(
            start=datetime.fromtimestamp(found.start.timestamp() + found.step_s * index, found.start.tzinfo),
            median=_short(median[index]),
            intervals=[
                IntervalOut(level=level, low=_short(low[index]), high=_short(high[index]))
                for level, (low, high) in ends.items()
            ],
        )
        for index in range(len(median))
    ]
    age = None if found.data_until is None else max(0, int((now - found.data_until).total_seconds()))
    return ForecastOut(
        unit=unit,
        resolution_minutes=found.step_s // 60,
        available_at=now,
        data_until=found.data_until,
        data_age_seconds=age,
        steps=steps,
        model=ModelOut.model_validate(found.model),
        backtest=_figures(found.figures),
        findings=[finding_out(finding) for finding in found.findings],
        fallback=None if found.fallback is None else FallbackOut.model_validate(found.fallback),
        **subject,
    )


def finding_out(finding: Finding) -> FindingOut:
    """What travels of a finding."""
    return FindingOut.model_validate(finding)


def _figures(figures: Figures) -> BacktestOut:
    covered = figures.coverage
    return BacktestOut(
        origins=figures.origins,
        mae=_short_or_none(figures.mae),
        mase=_short_or_none(figures.mase),
        pinball=_short_or_none(figures.pinball),
        coverage=None if covered is None else {str(level): _short(share) for level, share in covered.items()},
    )


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _short_or_none(value: float | None) -> float | None:
    return None if value is None else _short(value)


Subject = Literal["house", "community", "city", "series"]
