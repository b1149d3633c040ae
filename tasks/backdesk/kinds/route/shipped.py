"""The specialists that ship: weather, calculation, code, and what is nobody's field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from backdesk.agents import Agent
from backdesk.agents.specialists import Specialist, register_specialist
from backdesk.kinds.route import rules
from backdesk.kinds.route.expressions import expression_in, is_only
from backdesk.kinds.route.gates import CODING
from backdesk.kinds.route.signs import noticed
from backdesk.kinds.route.weather import look_up_weather
from backdesk.tools import calculate, check_syntax, code_tool

PROMPTS = Path(__file__).with_name("prompts")
#: 24/7, 555-1234, 10-15: mostly no calculation.
_TIGHT = re.compile(r"[\d.]+[-/][\d.]+")


def _calculations(message: str) -> Iterator[tuple[float, str]]:
    yield from noticed("calculation", message)
    expression = expression_in(message, datetime.now(UTC).date())
    if expression is None:
        return
    if _TIGHT.fullmatch(expression.replace(" ", "")) and not is_only(expression, message):
        yield 0.5, f"{expression} could be calculated"
    else:
        yield 5.0, f"{expression} can be calculated"


WEATHER = register_specialist(
    Specialist(
        "weather",
        Agent("weather", PROMPTS / "weather.md", tools=(look_up_weather,), duty="Looking up the weather"),
        about="The weather of today and tomorrow at a place.",
        notices=partial(noticed, "weather"),
        examples=("Will it rain in Paris tomorrow?", "Wie warm wird es heute in Berlin?"),
        rules=rules.weather,
    )
)
CALCULATION = register_specialist(
    Specialist(
        "calculation",
        Agent("calculation", PROMPTS / "calculation.md", tools=(calculate,), duty="Calculating"),
        about="Calculations: numbers, percentages, amounts of money, units of measure, dates and working days.",
        notices=_calculations,
        examples=("What is 17.5% of 240?", "Wie viele Tage sind es bis Weihnachten?"),
        rules=rules.calculation,
    )
)
#: By a job of its own, and only where the deployment allows it.
run_python = code_tool()
CODE = register_specialist(
    Specialist(
        "code",
        Agent(
            "code", PROMPTS / "code.md", tools=(check_syntax, run_python), duty="Working on the code", quality=CODING
        ),
        about="Programs, queries and data formats: to write, explain, mend or check them.",
        notices=partial(noticed, "code"),
        examples=("Write a Python function that sorts a list.", "Pourquoi cette requête SQL est-elle lente ?"),
        rules=rules.code,
    )
)
GENERAL = register_specialist(
    Specialist(
        "general",
        Agent("general", PROMPTS / "general.md", duty="Answering"),
        about="Everything else: greetings, knowledge, texts, advice, questions about orders.",
        notices=partial(noticed, "general"),
        examples=("Who wrote Faust?", "Translate this letter."),
        rules=rules.general,
        takes_rest=True,
    )
)
