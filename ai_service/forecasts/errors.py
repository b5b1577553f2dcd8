# SPDX-License-Identifier: Apache-2.0
"""What asking for a forecast refuses, besides what the readings themselves do (forecasting/errors.py)."""

from ai_service.errors import Invalid, NotFound
from ai_service.forecasting.errors import ForecastRefused


class SubjectInvalid(Invalid):
    """A question names one house, one community, one city, or brings one series."""

    code = "forecast.subject_invalid"
    title = "Ask about exactly one of houseId, communityId, cityId and series"


class LevelInvalid(ForecastRefused):
    """Intervals are told for levels that the misses of some weeks can support."""

    code = "forecast.level_invalid"
    title = "Levels are whole percentages from 1 to 95, at most ten"


class SeriesTooOld(ForecastRefused):
    """The newest reading lies too far back to say anything of the coming hours."""

    code = "series.too_old"
    title = "The newest reading is too old"


class SeriesTooLong(ForecastRefused):
    """More values than this service takes in one question."""

    code = "series.too_long"
    title = "The series has too many values"


class SeriesUneven(ForecastRefused):
    """Times and values do not pair up."""

    code = "series.uneven"
    title = "There must be one value for each time"


class TooManySeries(ForecastRefused):
    """More questions in one call than the setting allows."""

    code = "forecast.too_many_series"
    title = "Too many questions in one call"


class CityUnknown(NotFound):
    """The catalogue has no such city."""

    code = "forecast.city_unknown"
    title = "There is no such city in the catalogue"
