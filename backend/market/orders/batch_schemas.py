# SPDX-License-Identifier: Apache-2.0
"""Many drafts or orders in one request: each is answered by itself, in the sequence in which they were sent."""

from typing import Annotated, Any, Self

from pydantic import Field

from backend.core.envelope import ApiModel
from backend.core.errors import Refusal, plain_details
from backend.market.orders.schemas import DraftIn, DraftOut, OrderIn, PlacedOut

MOST = 50


class DraftsIn(ApiModel):
    """What is to be sold or bought, one interval or house after the other."""

    drafts: Annotated[list[DraftIn], Field(min_length=1, max_length=MOST)]


class OrdersIn(ApiModel):
    """Signed orders."""

    orders: Annotated[list[OrderIn], Field(min_length=1, max_length=MOST)]


class RefusedOut(ApiModel):
    """Why one of many was refused, as the `error` of a request of its own would say it."""

    code: str
    message: str
    details: dict[str, Any]

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """As it is shown."""
        return cls(code=refusal.code, message=refusal.message, details=plain_details(refusal))


class DraftAnswer(ApiModel):
    """Either the draft or why there is none."""

    draft: DraftOut | None = None
    error: RefusedOut | None = None


class PlacedAnswer(ApiModel):
    """Either what an order led to, durable, or why it was refused."""

    placed: PlacedOut | None = None
    error: RefusedOut | None = None


class DraftAnswers(ApiModel):
    """Answers in the sequence of the drafts."""

    answers: list[DraftAnswer]


class PlacedAnswers(ApiModel):
    """Answers in the sequence of the orders."""

    answers: list[PlacedAnswer]
