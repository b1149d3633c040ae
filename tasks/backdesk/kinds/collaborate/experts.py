"""Who can be asked: agents that other modules register, and three that ship, which estimate from sample records."""

from __future__ import annotations

import json
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from backdesk.agents import Agent, Reply, Situation
from backdesk.agents.offline.phrases import say
from backdesk.agents.specialists import Specialist, register_specialist, specialists

TEAM = "collaborate"
PROMPTS = Path(__file__).with_name("prompts")
#: The budget in days against which the samples are judged.
BUDGET_DAYS = 20


def experts() -> tuple[Specialist, ...]:
    """Return all who can be asked."""
    return specialists(TEAM)


@cache
def _records() -> dict[str, Any]:
    records: dict[str, Any] = json.loads(Path(__file__).with_name("samples.json").read_text(encoding="utf-8"))
    return records


def _estimate(way: str, now: Situation) -> Reply:
    days = sorted(_records()["days"])
    found = {"planner": days[len(days) // 4], "historian": round(median(days)), "sceptic": days[-1]}[way]
    words = {
        "planner": "a quarter of the recorded projects took no longer",
        "historian": "that is the median of the recorded projects",
        "sceptic": "that is what the slowest of the recorded projects took",
    }[way]
    verdict = "Yes" if found <= BUDGET_DAYS else "No"
    seen = " I have seen what the others say, and keep to it." if "The others have answered" in now.message else ""
    samples = f"sample data, {len(days)} projects; limit {BUDGET_DAYS} days"
    return say(f"{verdict}, count on {found} days: {words} ({samples}).{seen}")


for _name, _about in (
    ("planner", "Plans the steps of the work, and believes in the plan."),
    ("historian", "Goes by what comparable work took before."),
    ("sceptic", "Looks for what goes wrong."),
):
    register_specialist(
        Specialist(
            _name, Agent(_name, PROMPTS / f"{_name}.md", asks=False), about=_about, rules=partial(_estimate, _name)
        ),
        team=TEAM,
    )
