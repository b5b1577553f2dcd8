# SPDX-License-Identifier: Apache-2.0
"""Answers of the AI service on their way through; it documents their content itself (its own OpenAPI)."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, RootModel
from pydantic.alias_generators import to_camel

from backend.core.envelope import ApiModel


class AiAnswerOut(ApiModel):
    """Fields of the AI service's answer, and how old it is. `stale`: the service is away, this is what it said then."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    stale: bool
    age_seconds: int
    answered_at: datetime


class AiQuestion(RootModel[dict[str, Any]]):
    """The body as the AI service takes it; it checks the fields."""
