# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the contract tests: one deployed market, and each test on a snapshot of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from scripts.contract_build import prepare_ape
from scripts.embedded.anvil import anvil_binary

if TYPE_CHECKING:
    from tests.contracts.market import Market

prepare_ape()
os.environ["PATH"] = f"{anvil_binary().parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def market(project: Any, accounts: Any, chain: Any) -> Market:
    """A deployed log with one community of five households and one stranger; see `Market`."""
    from tests.contracts.market import Market

    return Market(project, accounts, chain)


@pytest.fixture
def log(market: Market) -> Any:
    """The deployed log, as ape's contract instance."""
    return market.log


@pytest.fixture
def isolated(chain: Any) -> Iterator[None]:
    """Undo what the test does even where ape's own isolation does not reach."""
    with chain.isolate():
        yield
