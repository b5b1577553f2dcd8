# SPDX-License-Identifier: Apache-2.0
"""The gas budget: what counts as grown, and that the committed budget keeps the promised limits."""

from __future__ import annotations

import json

from tests.bench.gas import BUDGET_FILE, LIMITS, headline, over_budget, over_limit


def test_over_budget__grown_by_more_than_two_percent__is_named() -> None:
    budget = {"cancel": 10_000, "pause": 10_000}

    found = over_budget({"cancel": 10_200, "pause": 10_201}, budget)

    assert found == ["pause: 10,201 gas, budget 10,000 (+2.0%)"]


def test_over_budget__new_or_missing_function__is_named() -> None:
    found = over_budget({"new": 1}, {"old": 1})

    assert [line.split(":")[0] for line in found] == ["new", "old"]


def test_over_limit__missed_promise__is_named() -> None:
    figures = {name: limit + (name == "one trade, enrolled caller") for name, limit in LIMITS.items()}

    assert [line.split(":")[0] for line in over_limit(figures)] == ["one trade, enrolled caller"]
    assert headline(figures)["ratio"] == 1.0


def test_budget__committed_figures__keep_every_limit() -> None:
    assert over_limit(json.loads(BUDGET_FILE.read_text())) == []
