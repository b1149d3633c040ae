"""Whether a turn came to what it must: one check for each field of an expectation. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from backdesk.kinds.evals.contract import Expectation, TurnOutcome
from backdesk.quality.facts import carries
from backdesk.quality.language import language_of

#: Returns the problems that one field of the expectation finds.
Check = Callable[[Expectation, TurnOutcome], Iterator[str]]
MOST_QUOTED = 200


def problems(expected: Expectation, came: TurnOutcome) -> Iterator[tuple[str, str]]:
    """Yield what does not hold: the field of the expectation, and a sentence."""
    for field, check in CHECKS.items():
        for problem in check(expected, came):
            yield field, problem


def _outcome(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.outcomes and came.outcome not in expected.outcomes:
        why = f" ({came.code})" if came.code else ""
        yield f"it ends as {came.outcome}{why}, not as {' or '.join(expected.outcomes)}: {_quoted(came.answer)}"


def _code(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.code is not None and came.code != expected.code:
        yield f"the code is {came.code or 'none'}, not {expected.code}"


def _agent(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.agent is not None and came.agent != expected.agent:
        yield f"{came.agent or 'nobody'} answers, not {expected.agent}"


def _tools(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for tool in expected.tools:
        if tool not in came.tools:
            yield f"{tool} was not called; called were: {', '.join(came.tools) or 'none'}"


def _no_tools(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    yield from (f"{tool} was called" for tool in expected.no_tools if tool in came.tools)


def _actions(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.actions is None:
        return
    if len(expected.actions) != len(came.actions):
        types = ", ".join(str(action.get("type")) for action in came.actions) or "nothing"
        yield f"{len(expected.actions)} things were to be done, and {len(came.actions)} were: {types}"
        return
    for wanted, done in zip(expected.actions, came.actions, strict=True):
        if not fits(wanted, done):
            yield f"{wanted} was to be done, and this was: {done}"


def fits(wanted: dict[str, Any], done: dict[str, Any]) -> bool:
    """Whether an action has all that is wanted of it, whatever else it has."""
    return all(name in done and done[name] == value for name, value in wanted.items())


def _no_actions(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for done in came.actions:
        if any(fits(each, done) for each in expected.no_actions):
            yield f"this was not to be done: {done}"


def _language(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    # What could be in several languages is no fault: a short answer is often so.
    found = language_of(came.answer)
    if expected.language is not None and found not in (None, expected.language):
        yield f"the answer is in {found}, not in {expected.language}: {_quoted(came.answer)}"


def _states(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for fact in expected.states:
        if not carries(came.answer, [fact], language=expected.language):
            yield f"the answer does not state {fact!r}: {_quoted(came.answer)}"


def _never_states(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for fact in expected.never_states:
        if carries(came.answer, [fact], language=expected.language):
            yield f"the answer states {fact!r}: {_quoted(came.answer)}"


def _says(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for pattern in expected.says:
        if not re.search(pattern, came.answer, re.IGNORECASE):
            yield f"the answer does not say {pattern!r}: {_quoted(came.answer)}"


def _never_says(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for pattern in expected.never_says:
        if found := re.search(pattern, came.answer, re.IGNORECASE):
            yield f"the answer says {found[0]!r}: {_quoted(came.answer)}"


def _judge(_expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    for ruling in came.rulings:
        if ruling.holds is False:
            yield f"{ruling.criterion!r} does not hold, as {ruling.why}: {_quoted(came.answer)}"


def _truncated(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.truncated not in (None, came.truncated):
        yield f"the answer is {'' if came.truncated else 'not '}marked as cut off: {_quoted(came.answer)}"


def _most_requests(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.most_requests is not None and came.requests > expected.most_requests:
        yield f"the model was asked {came.requests} times, more than {expected.most_requests}"


def _most_cost_usd(expected: Expectation, came: TurnOutcome) -> Iterator[str]:
    if expected.most_cost_usd is not None and (came.cost_usd is None or came.cost_usd > expected.most_cost_usd):
        cost = "an unknown sum" if came.cost_usd is None else f"{came.cost_usd:.6f} USD"
        yield f"it cost {cost}, more than {expected.most_cost_usd:.6f} USD"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]}…")


CHECKS: dict[str, Check] = {
    "outcome": _outcome,
    "code": _code,
    "agent": _agent,
    "tools": _tools,
    "no_tools": _no_tools,
    "actions": _actions,
    "no_actions": _no_actions,
    "language": _language,
    "states": _states,
    "never_states": _never_states,
    "says": _says,
    "never_says": _never_says,
    "judge": _judge,
    "truncated": _truncated,
    "most_requests": _most_requests,
    "most_cost_usd": _most_cost_usd,
}
