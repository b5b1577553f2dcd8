# SPDX-License-Identifier: Apache-2.0
"""The process's parts that the edges of orders need; they are there once the chain is known."""

from typing import cast

from fastapi import Request

from backend.chain.errors import ChainConnecting
from backend.chain.types import Chain
from backend.market.orders.intake import Intake


def chain_of(request: Request) -> Chain:
    """The chain that is traded on. Raises ChainConnecting."""
    if request.app.state.chain is None:
        raise ChainConnecting
    return cast(Chain, request.app.state.chain)


def intake_of(request: Request) -> Intake:
    """The process's intake. Raises ChainConnecting."""
    if request.app.state.intake is None:
        raise ChainConnecting
    return cast(Intake, request.app.state.intake)
