# SPDX-License-Identifier: Apache-2.0
"""Alerts of the relayer."""

from dataclasses import dataclass
from typing import ClassVar

from backend.core.outbox import Event


@dataclass(frozen=True, slots=True)
class RelayerStopped(Event):
    """Alert: nothing is sent to the chain for now. `cause` is one of `Stop`; `reason` says what to do."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "market.relayer_stopped.v1"

    chain: int
    signer: bytes
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class RelayerResumed(Event):
    """The cause is gone; pairs are sent again."""

    topic: ClassVar[str] = "alerts"
    name: ClassVar[str] = "market.relayer_resumed.v1"

    chain: int
    signer: bytes
    cause: str
