# SPDX-License-Identifier: Apache-2.0
"""What the sites domain refuses."""

from backend.core.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, TooMany


class HouseNotFound(NotFound):
    """There is no such house, or it belongs to somebody else."""

    code = "sites.house_not_found"
    title = "There is no such house"


class HouseInUse(Conflict):
    """Readings lie on the house's grid or are signed for its meter; neither changes under them."""

    code = "sites.house_in_use"
    title = "The house has readings: its meter and its reading interval stay; register a new house for a new meter"


class HouseChanged(Conflict):
    """The house was edited while its readings were checked; nothing was recorded."""

    code = "sites.house_changed"
    title = "The house was changed meanwhile; nothing was recorded, send it again"


class MeterTaken(Conflict):
    """Another house has this meter."""

    code = "sites.meter_taken"
    title = "Another house has this meter"


class MeterNotEnrolled(Conflict):
    """The chain's mirror holds no enrolment of this meter for this owner and community."""

    code = "sites.meter_not_enrolled"
    title = "The chain has not enrolled this meter for this owner's wallet in this community"


class DeviceKeyRefused(Conflict):
    """The chain names another device key for this meter, and the chain decides."""

    code = "sites.device_key_refused"
    title = "The meter was enrolled on chain with another device key"


class OperatorOnly(Forbidden):
    """An owner cannot vouch for the own meter."""

    code = "sites.operator_only"
    title = "Only an operator of the house's community can do this"


class NotACommunity(Invalid):
    """Houses belong to communities."""

    code = "sites.not_a_community"
    title = "A house belongs to a community; act in one (X-Org-Id)"


class ReadingInterval(Invalid):
    """A reading's length must divide the community's delivery interval."""

    code = "sites.reading_interval"
    title = "The reading interval must divide the community's delivery interval"


class OwnerNotMember(Invalid):
    """A house's owner belongs to its community."""

    code = "sites.owner_not_member"
    title = "The owner is not a member of this community"


class ReadingsRefused(Invalid):
    """No reading of the request could be taken; `rows` says why for each."""

    code = "sites.readings_refused"
    title = "No reading was recorded; see details.rows"


class ReadingsContradict(Conflict):
    """Readings contradict what is recorded, and nothing of the request was recorded."""

    code = "sites.readings_contradict"
    title = "Other values are recorded for these intervals; see details.rows, or send correct=true"


class RangeRefused(Invalid):
    """The range or resolution of a query makes no sense for this house."""

    code = "sites.range_refused"
    title = "This range or resolution cannot be answered"


class UploadColumns(Invalid):
    """The header line of a CSV upload does not name what readings need."""

    code = "sites.upload_columns"
    title = "The header line is wrong: comma-separated column names, see details"


class UploadEncoding(Invalid):
    """The file is not UTF-8."""

    code = "sites.upload_encoding"
    title = "The file is not UTF-8 text; save it as UTF-8"


class UploadFormat(Invalid):
    """Neither CSV nor JSON lines."""

    code = "sites.upload_format"
    title = "Send text/csv or application/x-ndjson as the body's Content-Type"


class UploadTooLarge(TooLarge):
    """The file has more bytes than an upload takes."""

    code = "sites.upload_too_large"
    title = "The file is too large; split it"


class UploadTooManyRows(TooLarge):
    """The file has more rows than an upload takes; nothing of it was recorded."""

    code = "sites.upload_too_many_rows"
    title = "The file has too many rows; nothing was recorded, split it"


class UploadsBusy(TooMany):
    """As many files as this process takes at once are being read."""

    code = "sites.uploads_busy"
    title = "Too many files are being read; try again in a few seconds"
