"""The drill itself, small: real workers under real faults, and the books in order afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.__main__ import QUICK, archived_in, judge
from tests.chaos.deployment import Crew
from tests.chaos.drill import Run, Size, drill
from tests.chaos.plan import Fault, plan

CREWS = (Crew("agents", "custom", 2, 6), Crew("tools", "prefork", 1, 2))
SEED, SECONDS, JOBS = 3, 15.0, 30
#: Fewer workers are given fewer faults, so that work gets done as well.
PACE = 0.6


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("faults", "forgetful"),
    [
        pytest.param([], False, id="undisturbed", marks=pytest.mark.soak),
        pytest.param(plan(SEED, SECONDS, QUICK["lease_s"], PACE), False, id="killed, frozen and cut off"),
        pytest.param(
            plan(SEED, 4 * SECONDS, QUICK["lease_s"], forgetful=True),
            True,
            id="with a Redis that forgets",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_the_books_are_in_order_after_a_run(faults: list[Fault], forgetful: bool, tmp_path: Path) -> None:
    seconds = max((fault.at_s for fault in faults), default=3.0)
    size = Size(SEED, seconds, JOBS, CREWS, QUICK, forgetful=forgetful)
    run = in_order(size, faults, tmp_path)
    assert len(run.evidence.jobs) > JOBS
    assert sum(dealt.is_kill for dealt in run.dealt) >= (5 if faults else 0)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_the_books_are_in_order_when_jobs_were_archived_meanwhile(tmp_path: Path) -> None:
    size = Size(SEED, 4 * SECONDS, 4 * JOBS, CREWS, {**QUICK, **archived_in(tmp_path)})
    run = in_order(size, plan(SEED, size.seconds, QUICK["lease_s"], PACE), tmp_path)
    assert len(run.evidence.archived) > JOBS


def in_order(size: Size, faults: list[Fault], folder: Path) -> Run:
    """Make a run of which no check finds anything, and return it."""
    run = drill(size, faults, folder, lambda _what, _done_s: None)
    report = judge(size, run)
    assert [(finding.name, finding.offenders) for finding in report.findings if not finding.ok] == []
    return run
