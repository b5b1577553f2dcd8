# SPDX-License-Identifier: Apache-2.0
"""What settlement refuses."""

from backend.core.errors import Invalid, TooLarge


class MonthWrong(Invalid):
    """The path names no calendar month."""

    code = "statement.month_wrong"
    title = "Name a month as YYYY-MM"


class StatementTooLong(TooLarge):
    """More entries than one file takes; the paged list has them all."""

    code = "statement.too_long"
    title = "This month has more entries than a file takes; read them page by page"
