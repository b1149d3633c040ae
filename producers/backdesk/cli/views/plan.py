"""A plan as people read it: in a sentence for a line of its own, or as a list that is redrawn."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from backdesk.cli.safe_text import safe_line
from backdesk.worker.model.plan import PlanStep, StepState

_MARKS: dict[StepState, tuple[str, str]] = {
    StepState.PENDING: ("·", "dim"),
    StepState.RUNNING: ("▸", "bold"),
    StepState.DONE: ("✓", "green"),
    StepState.FAILED: ("✗", "red"),
    StepState.SKIPPED: ("-", "dim"),
}


def plan_text(steps: Sequence[PlanStep]) -> str:
    """Say how far a plan is; all of its steps as long as none has begun."""
    if all(step.state is StepState.PENDING for step in steps):
        return f"{len(steps)} step{'s' if len(steps) > 1 else ''}: {', '.join(step.title for step in steps)}"
    titles = {state: [step.title for step in steps if step.state is state] for state in StepState}
    skipped = f"{len(titles[StepState.SKIPPED])} skipped" if titles[StepState.SKIPPED] else ""
    failed = f"failed: {', '.join(titles[StepState.FAILED])}" if titles[StepState.FAILED] else ""
    running = f"now: {', '.join(titles[StepState.RUNNING])}" if titles[StepState.RUNNING] else ""
    return ", ".join(filter(None, (f"{len(titles[StepState.DONE])} of {len(steps)} done", skipped, failed, running)))


def plan_list(steps: Sequence[PlanStep]) -> Text:
    """Return one line a step, with a mark of how far it is."""
    lines = []
    for step in steps:
        mark, style = _MARKS[step.state]
        lines.append(Text(f"  {mark} {safe_line(step.title)}", style))
    return Text("\n").join(lines)
