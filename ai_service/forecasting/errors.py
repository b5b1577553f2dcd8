# SPDX-License-Identifier: Apache-2.0
"""What forecasting refuses. Codes are a promise; the HTTP edge and the command line both show them."""

from ai_service.errors import Invalid, NotFound, Refusal, Unavailable


class ForecastRefused(Invalid):
    """Base of what forecasting refuses because of its input."""

    code = "forecast.invalid"
    title = "This cannot be forecast"


class SeriesEmpty(ForecastRefused):
    """No reading at all."""

    code = "series.empty"
    title = "The series holds no reading"


class SeriesTooShort(ForecastRefused):
    """Fewer readings than the work asked for needs; `needed_days` says how many."""

    code = "series.too_short"
    title = "The series is too short"


class SeriesTooSparse(ForecastRefused):
    """Too few of the recent steps have a reading."""

    code = "series.too_sparse"
    title = "Too many readings are missing"


class SeriesAllZero(ForecastRefused):
    """Every reading is zero: a meter that measures nothing, or a house that was never connected."""

    code = "series.all_zero"
    title = "Every reading is zero"


class SeriesConstant(ForecastRefused):
    """Every reading is the same: a sensor that hangs."""

    code = "series.constant"
    title = "Every reading is the same"


class ValueNotFinite(ForecastRefused):
    """An infinite value; unlike an empty cell it claims to be a reading."""

    code = "series.not_finite"
    title = "A reading is infinite"


class ValueTooLarge(ForecastRefused):
    """A reading beyond any plausible meter."""

    code = "series.value_too_large"
    title = "A reading is larger than any meter shows"


class ValueUnreadable(ForecastRefused):
    """A cell that is neither a number nor empty."""

    code = "series.value_unreadable"
    title = "A value is not a number"


class TimeUnreadable(ForecastRefused):
    """A time that cannot be read."""

    code = "series.time_unreadable"
    title = "A time cannot be read"


class ZonesMixed(ForecastRefused):
    """Some times carry an offset and some do not: which of them are comparable is unknown."""

    code = "series.mixed_zones"
    title = "Some times have an offset and others have none"


class ZoneUnknown(ForecastRefused):
    """No such time zone."""

    code = "series.zone_unknown"
    title = "There is no such time zone"


class ResolutionInvalid(ForecastRefused):
    """The step does not divide a day, or is finer than the readings."""

    code = "series.resolution_invalid"
    title = "The resolution does not divide a day"


class ColumnMissing(ForecastRefused):
    """The file has no such column."""

    code = "series.column_missing"
    title = "The file has no such column"


class FileUnreadable(ForecastRefused):
    """The file is not there or is no CSV."""

    code = "series.file_unreadable"
    title = "The file cannot be read"


class HorizonInvalid(ForecastRefused):
    """The horizon lies outside what is served."""

    code = "forecast.horizon_invalid"
    title = "The horizon must be 1 to 168 hours"


class RegionUnknown(ForecastRefused):
    """No holidays are known for this country or subdivision."""

    code = "forecast.region_unknown"
    title = "No holidays are known for this region"


class SeriesCount(ForecastRefused):
    """The column names no series, or more of them than one back-test takes."""

    code = "series.count"
    title = "The column does not name a group of series"


class LookAheadFound(Refusal):
    """A forecast changed when only values that it may not know were changed. Its figures mean nothing."""

    status = 500
    code = "backtest.look_ahead"
    title = "A model read values from after its origin"


class ModelUnknown(NotFound):
    """No version of this model is in use."""

    code = "model.unknown"
    title = "No model of this name is in use"


class VersionUnknown(NotFound):
    """The register has no such version."""

    code = "model.version_unknown"
    title = "There is no such version of this model"


class ArtifactDamaged(Unavailable):
    """The files of a version are not those that were stored, or cannot be read."""

    code = "model.damaged"
    title = "The files of this model are damaged"


class RegisterAway(Unavailable):
    """The database of the register does not answer."""

    code = "model.register_away"
    title = "The register of models does not answer"


class RegisterBusy(Refusal):
    """Versions are being removed, restored, backed up or brought into use by somebody else."""

    status = 409
    code = "model.register_busy"
    title = "Somebody else is at work on the versions of the register; try again in a moment"


class StoreUnknown(Invalid):
    """Files of models lie in a folder or in an S3 store."""

    code = "model.store_unknown"
    title = "Files of models lie in a folder or at s3://bucket/path"


class ObjectStoreAway(RegisterAway):
    """The object store does not answer in time, or lets nobody in."""

    code = "model.store_away"
    title = "The object store with the files of models does not answer"


class VersionKept(Refusal):
    """The version is in use."""

    status = 409
    code = "model.version_in_use"
    title = "A version in use is not removed"


class PromotionRefused(Refusal):
    """The version is not better than what is in use, by the margin, on days that neither had learned from."""

    status = 409
    code = "model.not_better"
    title = "This version is not better than the one in use"


class NotWorthTraining(PromotionRefused):
    """The version is not better, by the margin, than what the service answers without any trained model."""

    code = "model.not_worth_training"
    title = "This version is not better than the model of recent days, which needs no training"


class NothingToRollBackTo(Refusal):
    """No earlier version was ever in use."""

    status = 409
    code = "model.no_earlier"
    title = "There is no earlier version to go back to"
