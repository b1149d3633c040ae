"""What an evaluation came to, and what has changed since the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line

Report = dict[str, Any]


def summary_of(conversations: Sequence[Report]) -> Report:
    """Return the figures of all conversations together; a cost that is not known of one is not known of all."""
    costs = [each["cost_usd"] for each in conversations]
    return {
        "conversations": len(conversations),
        "passed": sum(each["passed"] for each in conversations),
        "requests": sum(each["requests"] for each in conversations),
        "cost_usd": None if None in costs else round(sum(costs), 6),
    }


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
            out.line(f"{what} since the last run: {', '.join(map(safe_line, names))}")


def _job_of(conversation: Report, turn: int) -> str:
    turns = conversation["turns"]
    return f"backdesk show {turns[turn - 1]['job_id']} --events" if 0 < turn <= len(turns) else ""


def _figures(report: Report) -> Iterator[str]:
    total = report["summary"]
    cost = "at an unknown cost" if total["cost_usd"] is None else f"for {total['cost_usd']:.4f} USD"
    yield f"{total['passed']} of {total['conversations']} passed, by {report['model']}, {cost}"
    before = report["before"]
    if before is not None:
        then = "an unknown cost" if before["cost_usd"] is None else f"{before['cost_usd']:.4f} USD"
        yield f"the last run: {before['passed']} of {before['conversations']}, {then}, {before['requests']} requests"
