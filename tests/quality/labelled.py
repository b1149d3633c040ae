"""Measures the gate on labelled answers: how many correct ones it refuses, and how many violations it misses.

`python -m tests.quality.labelled` prints the table of docs/quality.md; `--wrong` also what went wrong in the half that
may be looked at. Every second answer is held out: nobody tunes words or thresholds by it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import yaml

from backdesk.quality import Draft, QualityGate
from backdesk.quality.completion import KnownCompletion
from backdesk.quality.contract import Review
from backdesk.quality.denial import UndeniedEffects

ANSWERS = Path(__file__).parent / "answers"
#: What refuses an answer that no check does: the overall score.
BY_SCORE = "score"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer, in which language, and which check should refuse it; none for a correct one."""

    language: str
    draft: Draft
    refused: str | None
    held_out: bool
    #: What turns before have done.
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said of a labelled answer."""

    answer: Labelled
    review: Review

    @property
    def right(self) -> bool:
        return self.review.passed == (self.answer.refused is None)

    @property
    def by_its_check(self) -> bool:
        return self.answer.refused in {*self.review.failed, BY_SCORE}


def labelled() -> Iterator[Labelled]:
    """Return all answers of `answers/`."""
    known = yaml.safe_load((ANSWERS / "evidence.yaml").read_text("utf-8"))
    for path in sorted(ANSWERS.glob("??.yaml")):
        for at, each in enumerate(yaml.safe_load(path.read_text("utf-8"))):
            given = (known[name] for name in each.get("given", "").split())
            evidence = (each["asked"], *given, known["always"])
            draft = Draft(each["answer"], each["asked"], evidence, date.fromisoformat(str(known["today"])))
            done = tuple(known[name] for name in each.get("done", "").split())
            yield Labelled(path.stem, draft, each.get("refused"), held_out=at % 2 == 1, done=done)


def verdicts(gate: QualityGate | None = None) -> list[Verdict]:
    """Have all labelled answers reviewed."""
    gate = gate or QualityGate()
    return [Verdict(each, _knowing(gate, each).review(each.draft)) for each in labelled()]


def _knowing(gate: QualityGate, answer: Labelled) -> QualityGate:
    """Return the gate as it is for agents that do what customers agree to."""
    _asked, *told = answer.draft.evidence
    more = (KnownCompletion(told=(*told, *answer.done)), UndeniedEffects(answer.done))
    return replace(gate, checks=(*gate.checks, *more))


def share_wrong(found: Iterable[Verdict]) -> float:
    """Return the share of verdicts that are wrong, 0 to 1."""
    right = [each.right for each in found]
    return right.count(False) / len(right)


def table(found: list[Verdict]) -> str:
    """Return the figures as a table of Markdown, by half and by language."""
    rows = [("all", found), *((half, [each for each in found if each.answer.held_out is out]) for half, out in _HALVES)]
    rows += [(code, [each for each in found if each.answer.language == code]) for code in _languages(found)]
    return "\n".join(
        ["| answers | correct | refused wrongly | violations | missed |", "|---|---|---|---|---|", *map(_row, rows)]
    )


_HALVES = (("looked at", False), ("held out", True))


def _languages(found: list[Verdict]) -> list[str]:
    return sorted({each.answer.language for each in found})


def _row(row: tuple[str, list[Verdict]]) -> str:
    name, found = row
    correct = [each for each in found if each.answer.refused is None]
    violations = [each for each in found if each.answer.refused is not None]
    return f"| {name} | {len(correct)} | {_wrong(correct)} | {len(violations)} | {_wrong(violations)} |"


def _wrong(found: list[Verdict]) -> str:
    return f"{sum(not each.right for each in found)} ({share_wrong(found):.1%})"


def _told(verdict: Verdict) -> str:
    answer = verdict.answer
    return (
        f"{answer.language} {answer.draft.language} {'PASSED' if verdict.review.passed else verdict.review.failed} for "
        f"{answer.refused} {verdict.review.overall}: {answer.draft.text}\n    {verdict.review.mend}"
    )


def main() -> None:
    found = verdicts()
    print(table(found))
    if "--wrong" in sys.argv:
        seen = [each for each in found if not each.answer.held_out]
        print(
            *(_told(each) for each in seen if not each.right or (each.answer.refused and not each.by_its_check)),
            sep="\n",
        )


if __name__ == "__main__":
    main()
