"""What tools depend on is looked for side by side, none of it for longer than a time."""

from __future__ import annotations

import threading
import time

from backdesk.platform.dependency import Dependency
from backdesk.platform.reachability import Reach, check_all

FOREVER = threading.Event()


def down() -> str:
    raise ConnectionRefusedError("nobody\nlistens")


def missing() -> str:
    raise ModuleNotFoundError("No module named 'duckdb'")


def silent() -> str:
    FOREVER.wait()
    return "too late"


def test_each_is_told_in_its_order() -> None:
    found = check_all([Dependency("a", down), Dependency("b", lambda: "is there"), Dependency("c", missing)], 10)
    assert [(each.dependency.name, each.reach, each.told) for each in found] == [
        ("a", Reach.FAILED, "ConnectionRefusedError: nobody listens"),
        ("b", Reach.REACHED, "is there"),
        ("c", Reach.UNKNOWN, "cannot be checked here: No module named 'duckdb'"),
    ]


def test_what_does_not_answer_has_failed_when_the_time_is_over_and_holds_up_nobody() -> None:
    began = time.monotonic()
    found = check_all([*(Dependency("silent", silent) for _ in range(20)), Dependency("b", lambda: "here")], 0.2)
    assert time.monotonic() - began < 5
    assert [each.reach for each in found] == [Reach.FAILED] * 20 + [Reach.REACHED]
    assert found[0].told == "did not answer within 0.2 s"


def test_they_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(5)

    def meet() -> str:
        return str(together.wait(10))

    assert {each.reach for each in check_all([Dependency("m", meet)] * 5, 10)} == {Reach.REACHED}


def test_a_check_that_says_no_end_of_things_is_cut() -> None:
    (found,) = check_all([Dependency("a", lambda: "x" * 10_000)], 10)
    assert len(found.told) == 300


def test_nothing_takes_no_time() -> None:
    assert check_all([], 10) == []
