# SPDX-License-Identifier: Apache-2.0
"""Versions of models as the register knows them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ai_service.forecasting import stores

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a version when it is registered. `figures` come from its back-test; `notes` is plain JSON."""

    data_hash: str
    code_version: str
    chosen: str
    trained_until: datetime
    step_s: int
    steps: int
    figures: dict[str, float]
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version; its files lie at `source`."""

    name: str
    number: int
    facts: Facts
    sha256: str
    source: str
    registered_at: datetime
    promoted_at: str | None
    withdrawn_at: str | None

    @property
    def place(self) -> str:
        """Where its files lie in the register's store."""
        return stores.place_of(self.source)

    @property
    def label(self) -> str:
        """How answers name it."""
        return f"{self.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Model:
    """A version and what it can do: `trained` is a `Served` or a `Fleet`.

    `fallback_for` is the number of the damaged version in whose place this one answers.
    """

    version: Version
    trained: Any
    fallback_for: int | None = None


def of_mlflow(found: ModelVersion, *, root: str) -> Version:
    """A version as MLflow tells of it; the store may have moved to `root` since it was registered."""
    facts = json.loads(found.tags["facts"])
    until = datetime.fromisoformat(facts.pop("trained_until"))
    return Version(
        name=found.name,
        number=int(found.version),
        facts=Facts(trained_until=until, **facts),
        sha256=found.tags["sha256"],
        source=f"{root}/{stores.place_of(str(found.source))}",
        registered_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        promoted_at=found.tags.get("promotedAt"),
        withdrawn_at=found.tags.get("withdrawnAt"),
    )


def packed(facts: Facts) -> str:
    """Facts as the text of a tag."""
    kept = {name: getattr(facts, name) for name in Facts.__slots__}
    return json.dumps(kept | {"trained_until": facts.trained_until.isoformat()})
