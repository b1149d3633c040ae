"""What is calculated, exactly, and what is refused: each expression with what it comes to."""

from __future__ import annotations

import time
from datetime import date

import pytest

from backdesk.agents import Agent, AgentRequest, AgentResult, Call, Say, agent_task, answer
from backdesk.testing import Bench, sandbox, scripted
from backdesk.tools import calculate
from backdesk.tools.calculation.errors import NotCalculable
from backdesk.tools.calculation.tool import calculation
from backdesk.worker import TaskContext
from backdesk.worker.attempt.registry import REGISTRY

TODAY = date(2026, 11, 30)
RESULTS = """
12*7 = 84
0.1+0.2 = 0.3
1/3 ≈ 0.333333333333
2 * (3 - 5) = -4
17.5% of 240 = 42
200 + 10% = 220
200 - 10% = 180
50 / 200 in % = 25 %
10 % 3 = 1
7 // 2 = 3
-2**2 = -4
2**100 = 1267650600228229401496703205376
2^0.5 ≈ 1.41421356237
sqrt(16) = 4
sqrt(10**30 + 1) ≈ 1000000000000000
floor(sqrt(10**60 + 3)) ≈ 1000000000000000000000000000000
8**(1/3) = 2
100**1.5 = 1000
pi * 2**60 ≈ 3622009729040000000
exp(50) ≈ 5184705528590000000000
ln(1) + exp(0) + cos(0) + log(1000) = 5
exp(20) * 1 EUR / 2 ≈ 242582597.70 EUR
round(2.675, 2) = 2.68
round(-2.5) = -3
max(1, 2, 3) - min(4, 5) = -1
19.99 EUR * 3 = 59.97 EUR
19.99 EUR * 3 + 19% ≈ 71.36 EUR
€20 / 3 ≈ 6.67 EUR
1000 JPY / 3 ≈ 333 JPY
15 USD / 4 USD = 3.75
0.1 EUR + 0.2 EUR = 0.30 EUR
20 °C in °F = 68 °F
-40 C in F = -40 °F
10 degC - 3 degC = 7 °C
5 km in miles ≈ 3.10685596119 mi
100 km / 2 h in mph ≈ 31.0685596119 mph
5 in in cm = 12.7 cm
6 ft 2 in in cm = 187.96 cm
3 h 20 min in minutes = 200 min
5 m^2 in cm2 = 50000 cm²
5 m² * 3 m = 15 m³
80 kg / (1.8 m)^2 ≈ 24.6913580247 kg/m²
2026-03-01 + 10 working days = 2026-03-13 (Friday)
2026-11-27 + 1 working days = 2026-11-30 (Monday)
2026-11-28 + 5 working days = 2026-12-04 (Friday)
2026-11-30 - 5 working days = 2026-11-23 (Monday)
2026-11-29 - 1 working day = 2026-11-27 (Friday)
2026-03-01 - 2026-02-01 = 28 days
days between 2026-01-01 and 2026-12-24 = 357 days
days from today to 2026-12-24 = 24 days
working days between 2026-11-30 and 2026-12-24 = 18 working days
days until 2026-12-24 = 24 days
weekday of 2026-12-24 = Thursday
weekday of today + 3 days = Thursday
2026-01-31 + 1 month = 2026-02-28 (Saturday)
2024-02-29 + 1 year = 2025-02-28 (Friday)
2026-11-30 + 2 weeks = 2026-12-14 (Monday)
3 * 4 workdays = 12 working days
"""
#: What nobody should be able to calculate here: what takes for ever, what fills memory, what is code, what is wrong.
REFUSED = """
9**9**9 | too large
10**10**10**10 | too large
(((9**99)**99)**99) | too large
2**100000 | too large
0.5**100000 | too large
1e999 * 1e999 * 1e999 * 1e999 * 1e999 | too large
1e999 m * 1e999 m | too large
exp(1000) | too large
9.5**9999.5 | too large
(1 m)**9999 | at most its 12th power
1 m^999999 | at most its 12th power
2026-01-01 + 1e30 days | years from 1 to 9999
9999-12-31 + 1 day | years from 1 to 9999
2026-01-01 + 99999999999 working days | too many here
2026-01-01 + 99999999999 months | too many here
round(1, 1e9) | at most 100 places
1/0 | divides by zero
1 % 0 | divides by zero
0**-1 | divides by zero
1 m / (0 m) | divides by zero
sqrt(-1) | no square root
(-8)**0.5 | no such power
ln(0) | no value there
__import__('os').system('id') | '_' (character 1) is not understood
open('/etc/passwd') | "'" (character 6) is not understood
().__class__ | not understood
lambda: 1 | ':' (character 7) is not understood
[1 for x in range(9)] | '[' (character 1) is not understood
'a' * 999999999 | "'" (character 1) is not understood
1; 2 | ';' (character 2) is not understood
x = 5 | not understood
1 if 1 else 2 | not understood
5 foo | 'foo' (character 3) is not understood
1,234.56 | write numbers as 1234.56
(1 + 2 | ')' was expected in place of the end
2 + | ends too early
sqrt(1, 2) | sqrt takes 1 values
5 kg in km | kg and km measure different things
5 kg in m^2 | kg and m² measure different things
5 kg + 3 m | kg and m measure different things
20 degC + 5 degC | points of a temperature scale
20 °C² | °C² and K² measure different things
5 mnepers | 'mnepers' (character 3) is not understood
5 dB - 3 byte | 'dB' (character 3) is not understood
5 in km | no unit cannot be told
9 EUR in USD | no exchange rate is known
5 EUR + 3 USD | no exchange rate is known
5 EUR * 3 EUR | cannot be multiplied
12 EUR per 5 h | cannot be divided
2026-02-30 | no day of the calendar
2026-03-01 + 36 hours | whole number, not 1.5
2026-03-01 + 5 | a number cannot be added to a date
2026-03-01 * 2 | a date cannot be multiplied
5 days + 3 working days | cannot be added
"""
LONG = {
    "1" * 101: "more than 100 digits",
    "1+" * 300: "at most 500 characters",
    "(" * 60 + "1" + ")" * 60: "nested more than 40 deep",
    "2" + "**2" * 60: "nested more than 40 deep",
    "sqrt(" * 50 + "2" + ")" * 50: "nested more than 40 deep",
    "1 " * 240: "at most 200",
    "": "nothing to calculate",
    "=": "nothing to calculate",
    "a" * 400: "not understood",
    "1e9999": "not understood",
    "٪": "not understood",
}


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("line", lines(RESULTS))
def test_an_expression_comes_to(line: str) -> None:
    expression = line.rpartition(" = ")[0] if " = " in line else line.rpartition(" ≈ ")[0]
    assert calculation(expression, TODAY).summary() == line


@pytest.mark.parametrize("line", lines(REFUSED))
def test_what_cannot_be_calculated_is_refused_at_once_with_the_reason(line: str) -> None:
    expression, _, reason = line.rpartition(" | ")
    began = time.process_time()
    with pytest.raises(NotCalculable) as refused:
        calculation(expression, TODAY)
    assert reason in str(refused.value)
    assert time.process_time() - began < 3


@pytest.mark.parametrize(("expression", "reason"), LONG.items(), ids=range(len(LONG)))
def test_no_length_or_depth_gets_past_the_bounds(expression: str, reason: str) -> None:
    with pytest.raises(NotCalculable, match=reason):
        calculation(expression, TODAY)


def test_an_agent_calculates_and_hears_what_was_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(REGISTRY, "calculating.clerk", raising=False)
    clerk = Agent("clerk", "You calculate.", tools=(calculate,))

    @agent_task("calculating.clerk")
    async def work(ctx: TaskContext, request: AgentRequest) -> AgentResult:
        return await answer(ctx, clerk, request)

    calls = tuple(Call("calculate", {"expression": each}) for each in ("19.99 EUR * 3", "19.99 Taler"))
    with Bench() as bench, sandbox(), scripted(calls, Say("59.97 EUR.")) as model:
        job = bench.run("calculating.clerk", {"message": "What are three of them?"})
        assert job.tool_calls[0].summary == "19.99 EUR * 3 = 59.97 EUR"
    REGISTRY.pop("calculating.clerk")
    done, refused = (reply.data for reply in model.requests[1].replies)
    assert done == {"expression": "19.99 EUR * 3", "result": "59.97 EUR", "exact": True}
    assert refused == {"refused": "It was not calculated: 'Taler' (character 7) is not understood."}
