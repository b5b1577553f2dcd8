# SPDX-License-Identifier: Apache-2.0
"""What is refused on the way to the AI service, and its own refusals passed on."""

from typing import Any

from backend.core.errors import Refusal, Unavailable


class AiAway(Unavailable):
    """The AI service does not answer, and this question has no earlier answer."""

    code = "ai.unavailable"
    title = "The AI service does not answer, and there is no earlier answer to this question"


class PassedOn(Refusal):
    """A refusal of the AI service, under its own status and code."""

    def __init__(
        self, *, status: int, code: str, message: str, details: dict[str, Any], retry_after_s: int | None
    ) -> None:
        super().__init__(message, **details)
        vars(self).update(status=status, code=code)  # of this one answer, not of the class
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
