"""What an evaluation came to, and what has changed since the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line

Report = dict[str, Any]
#: How many conversations are named that have changed in the same way.
MOST_NAMED = 20


def summary_of(conversations: Sequence[Report]) -> Report:
    """Return the figures of all conversations together; a cost that is not known of one is not known of all."""
    return {
        "conversations": len(conversations),
        "passed": sum(each["passed"] for each in conversations),
        "requests": sum(each["requests"] for each in conversations),
        "cost_usd": _sum([each["cost_usd"] for each in conversations]),
        "not_judged": sum(each["not_judged"] for each in conversations),
        "judge_cost_usd": _sum([each["judge_cost_usd"] for each in conversations]),
    }


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if len(known) == len(costs) else None


def changes_of(now: Sequence[Report], before: Sequence[Report]) -> Report:
    """Return which conversations fail anew, are mended, are new and are gone since an earlier evaluation."""
    was = {each["name"]: each["passed"] for each in before}
    names = {each["name"] for each in now}
    known = [each for each in now if each["name"] in was]
    return {
        "broken": [each["name"] for each in known if was[each["name"]] and not each["passed"]],
        "mended": [each["name"] for each in known if not was[each["name"]] and each["passed"]],
        "new": [each["name"] for each in now if each["name"] not in was],
        "gone": [name for name in was if name not in names],
    }


def show_evaluation(report: Report, out: Output) -> None:
    """Print the conversations that did not come to what they must, the figures, and the changes."""
    for conversation in report["conversations"]:
        if not conversation["passed"]:
            out.line("")
            out.line(f"{safe_line(conversation['kind'])}: {safe_line(conversation['name'])}", "bold red")
            for fault in conversation["faults"]:
                out.line(f"  turn {fault['turn']}, {fault['check']}: {safe_line(fault['problem'], 400)}")
                out.line(f"    {_job_of(conversation, fault['turn'])}", "dim")
    out.line("")
    for line in _figures(report):
        out.line(line, "bold")
    for what, names in report["changes"].items():
        if names and not (what == "new" and len(names) == len(report["conversations"])):
            out.line(f"{what} since the last run: {_named(names)}")


def _named(names: Sequence[str]) -> str:
    more = f", and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(safe_line, names[:MOST_NAMED])) + more


def _job_of(conversation: Report, turn: int) -> str:
    turns = conversation["turns"]
    return f"backdesk show {turns[turn - 1]['job_id']} --events" if 0 < turn <= len(turns) else ""


def _figures(report: Report) -> Iterator[str]:
    total = report["summary"]
    passed = f"{total['passed']} of {total['conversations']} passed"
    yield f"{passed}, by {report['model']}, for {_cost(total['cost_usd'])}{_judging(total)}"
    if total["not_judged"]:
        yield f"criteria not judged: {total['not_judged']}; BACKDESK_JUDGE_MODEL names no model, or it did not answer"
    before = report["before"]
    if before is not None:
        then = _cost(before["cost_usd"])
        yield f"the last run: {before['passed']} of {before['conversations']}, {then}, {before['requests']} requests"


def _cost(cost_usd: float | None) -> str:
    return "an unknown cost" if cost_usd is None else f"{cost_usd:.4f} USD"


def _judging(total: Report) -> str:
    return "" if total["judge_cost_usd"] == 0 else f", and {_cost(total['judge_cost_usd'])} for judging"
