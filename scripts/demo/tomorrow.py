# SPDX-License-Identifier: Apache-2.0
"""What the AI service expects of the community's next day: one line, and nothing of the story depends on it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from scripts.demo.api_client import ApiRefused
from scripts.demo.scene import Scene

PATIENCE_S = 10.0


async def say(scene: Scene) -> None:
    """Tell what was forecast, or why nothing was."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            used = await _expected(scene, "consumption")
            made = await _expected(scene, "production")
    except (ApiRefused, TimeoutError) as problem:
        scene.screen.say(f"\nForecast of the next 24 hours: none ({problem or 'no answer in time'})")
        return
    peak = max(made["steps"], key=lambda step: step["median"])
    scene.screen.say(
        f"\nForecast of the next 24 hours: {_total(used):.1f} kWh used, {_total(made):.1f} kWh made, "
        f"most of it at {datetime.fromisoformat(peak['start']):%H:%M} UTC: {_interval(peak)}"
    )


async def _expected(scene: Scene, quantity: str) -> dict[str, Any]:
    question = {"communityId": scene.org_id, "quantity": quantity, "horizonHours": 24, "levels": [80]}
    answer: dict[str, Any] = (await scene.operator.post("/api/ai/forecast", question)).data
    return answer


def _total(forecast: dict[str, Any]) -> float:
    return float(sum(step["median"] for step in forecast["steps"]))


def _interval(step: dict[str, Any]) -> str:
    [most] = step["intervals"]
    return f"{step['median']:.1f} kWh ({most['level']} %: {most['low']:.1f} to {most['high']:.1f})"
