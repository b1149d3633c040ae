"""How long a report will take is told only when all that is left of it was measured before, here or in others."""

from __future__ import annotations

import pytest

from backdesk.kinds.research.pace import MOST_KEPT, Took, remaining_s
from backdesk.testing import Bench, scripted
from tests.kinds.research.researchers import REQUEST, Researcher


def took(**seconds: list[float]) -> Took:
    return Took(seconds=dict(seconds))


@pytest.mark.parametrize(
    ("rounds", "here", "before", "told"),
    [
        ({"read": 2, "write": 1}, took(read=[10.0]), Took(), None),
        ({"write": 2, "check": 1}, took(write=[4.0, 6.0]), Took(), None),
        ({"write": 2, "check": 1}, took(write=[4.0, 6.0]), took(check=[1.5], write=[100.0]), 11.5),
        ({"read": 2, "outline": 1, "write": 3}, Took(), took(read=[1, 9, 2], outline=[5], write=[10]), 39.0),
        ({"read": 0, "check": 1}, took(check=[2.0]), Took(), 2.0),
    ],
)
def test_what_was_never_measured_is_not_guessed(
    rounds: dict[str, int], here: Took, before: Took, told: float | None
) -> None:
    assert remaining_s(rounds, here, before) == told


def test_the_newest_measures_are_kept_and_only_of_what_goes_in_rounds() -> None:
    earlier = took(read=[1.0, 2.0, 3.0])
    newer = Took()
    for seconds in (4.0, 5.0, 6.0):
        newer.add("read", seconds)
        newer.add("plan", seconds)
    both = earlier.followed_by(newer).seconds
    assert both == {"read": [2.0, 3.0, 4.0, 5.0, 6.0]}
    assert len(both["read"]) == MOST_KEPT


def test_a_first_report_tells_no_remaining_time_and_a_second_one_of_its_kind_does(bench: Bench) -> None:
    told = []
    for tenant, depth in (("acme", "quick"), ("acme", "quick"), ("globex", "quick"), ("acme", "standard")):
        with scripted(rule=Researcher()):
            job = bench.run("research.report", {**REQUEST, "depth": depth, "pdf": False}, tenant=tenant)
        assert job.state == "succeeded"
        told.append({data["stage"] for data in job.of("progress") if "remaining_s" in data})
    assert told == [set(), {"read", "outline", "write", "check"}, set(), set()]


@pytest.mark.parametrize("after", [1, 4, 7, 10])
def test_each_remaining_time_is_told_once_whenever_the_worker_dies(bench: Bench, after: int) -> None:
    with scripted(rule=Researcher()):
        bench.run("research.report", {**REQUEST, "pdf": False})
        job = bench.submit("research.report", {**REQUEST, "pdf": False})
        bench.lose(job, after=after)
        bench.go_on(job)
    left = [data["remaining_s"] for data in job.of("progress") if "remaining_s" in data]
    assert job.state == "succeeded"
    assert len(left) == 4
    assert all(seconds >= 0 for seconds in left)
