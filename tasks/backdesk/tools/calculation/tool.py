"""The tool `calculate`: an expression, and what it comes to."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import tool
from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.tokens import MOST_CHARACTERS

Expression = Annotated[
    str,
    Field(
        description="Such as: 17.5% of 240, 19.99 EUR * 3 + 19%, 100 km / 2 h in mph, 20 °C in °F, sqrt(2), "
        "2026-03-01 + 10 working days, days between 2026-01-01 and 2026-12-24, weekday of 2026-12-24. "
        "Numbers as 1234.56, days as year-month-day. No exchange rates.",
        max_length=MOST_CHARACTERS * 2,
    ),
]


class Calculation(ToolOutcome):
    """What an expression comes to, in words; rounded where it is not exact. Working days are Monday to Friday."""

    expression: str
    result: str
    exact: bool

    def summary(self) -> str:
        return f"{self.expression} {'=' if self.exact else '≈'} {self.result}"


def calculation(expression: str, today: date) -> Calculation:
    """Calculate an expression. Raises NotCalculable, which says what was not understood."""
    from backdesk.tools.calculation.parser import evaluate  # noqa: PLC0415 - every worker has the tool, and few calculate
    from backdesk.tools.calculation.written import written  # noqa: PLC0415 - same

    result, exact = written(*evaluate(expression, today))
    return Calculation(expression=expression.strip(), result=result, exact=exact)


@tool("pure", timeout_s=10)
async def calculate(desk: Desk, expression: Expression) -> Calculation | Refusal:
    """Calculate exactly: numbers, percentages, money, units of measure, dates and working days (Monday to Friday)."""
    try:
        # In a thread: the units are loaded at their first use, which takes a second.
        return await asyncio.to_thread(calculation, expression, desk.database.today())
    except NotCalculable as error:
        return Refusal(refused=f"It was not calculated: {error}.")
