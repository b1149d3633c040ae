"""Reports in stages: which stages a report of each complexity has, how they are worked through, what comes of them.

A stage is a tool that is called once in the life of a job, as a step. An attempt after a crash goes on at the first
stage that is not finished, and whoever watches sees each stage once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal
from backdesk.agents.tools import Tool
from backdesk.kinds.streaming.advice import find_advice
from backdesk.kinds.streaming.contract import Complexity, Report, ReportSection
from backdesk.shop.purchases import Finding, compare_spending, review_orders, spending_by_category, spending_by_month
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.attempt.ledger import Effect
from backdesk.worker.model.budget import Amount


class Stage(NamedTuple):
    """One stage: what those who watch are told, and the tool."""

    title: str
    tool: Tool[Any, Finding | Refusal]


_ORDERS = Stage("Orders", review_orders)
_CATEGORIES = Stage("Spending by category", spending_by_category)
_MONTHS = Stage("Spending by month", spending_by_month)
_OTHERS = Stage("Beside other customers", compare_spending)
_ADVICE = Stage("Advice from the knowledge base", find_advice)

#: The last stage of each is the composing of the report itself.
STAGES: Mapping[Complexity, tuple[Stage, ...]] = {
    "simple": (_ORDERS,),
    "medium": (_ORDERS, _CATEGORIES, _MONTHS),
    "complex": (_ORDERS, _CATEGORIES, _MONTHS, _OTHERS, _ADVICE),
}


async def make_report(ctx: TaskContext, desk: Desk, complexity: Complexity, *, share: float) -> Report:
    """Work through the stages of a report and compose it; `share` is the part of the job's progress that this is.

    Raises what budgets raise before a stage, and LeavingNow between two when the worker ends.
    """
    stages = STAGES[complexity]
    sections: list[ReportSection] = []
    for number, stage in enumerate(stages):
        _tell(
            ctx,
            stage.tool.name,
            share * number / (len(stages) + 1),
            f"{stage.title} ({number + 1} of {len(stages) + 1})",
        )
        outcome = await _run(ctx, desk, stage)
        sections.append(_section(stage, outcome))
    _tell(ctx, "report", share * len(stages) / (len(stages) + 1), "Composing the report")
    report: Report = await ctx.step("report", compose_report, complexity, sections, effect=Effect.PURE)
    return report


def compose_report(complexity: Complexity, sections: Sequence[ReportSection]) -> Report:
    """Put the findings together; those without anything to tell are left out."""
    return Report(complexity=complexity, sections=[section for section in sections if section.lines])


async def _run(ctx: TaskContext, desk: Desk, stage: Stage) -> Finding | Refusal:
    tool = stage.tool
    if not ctx.finished(tool.name):
        await ctx.spend(
            Amount(tool_calls=1), purpose=f"the tool {tool.name}", cheaper=desk.settings.cheaper_model is not None
        )
    outcome: Finding | Refusal = await ctx.step(tool.name, tool, desk, effect=tool.effect, returns=tool.returns)
    return outcome


def _tell(ctx: TaskContext, key: str, fraction: float, message: str) -> None:
    if not ctx.finished(key):
        ctx.progress(fraction, message)


def _section(stage: Stage, outcome: Finding | Refusal) -> ReportSection:
    lines = [outcome.refused] if isinstance(outcome, Refusal) else outcome.lines()
    return ReportSection(stage=stage.tool.name, title=stage.title, lines=lines)
