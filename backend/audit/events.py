# SPDX-License-Identifier: Apache-2.0
"""What the audit announces."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class AuditRequested(Event):
    """An auditor asked for an audit; task `audit.run` makes it."""

    topic: ClassVar[str] = "audits"
    name: ClassVar[str] = "audit.requested.v1"
    requested_by: UUID
    run_id: UUID
