"""The backlog: what may be made next, in which order, and at what cost."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from backdesk.worker.store.backlog import Backlog, Pending
from backdesk.worker.store.groups import MOST_JOINED
from backdesk.worker.store.scripts import Call, Script

A, B = ("a", "1"), ("b", "1")


def a_call(value: str, chain: tuple[str, str] | None, share: int = 0) -> Call[int]:
    return Call(Script("any", ""), (value,), int, chain, share)


def backlog(*calls: tuple[str, tuple[str, str] | None]) -> Backlog:
    """Calls of these values, in this order; one in capitals is of a joint script."""
    waiting = Backlog()
    for value, chain in calls:
        waiting.add(a_call(value, chain, share=int(value.isupper())), Future())
    return waiting


def values(taken: list[Pending]) -> str:
    return "".join(str(pending.call.arguments[0]) for pending in taken)


def test_of_each_chain_a_few_calls_are_taken_and_the_next_when_these_are_back() -> None:
    waiting = backlog(*(("a", A) for _ in range(MOST_JOINED)), ("2", A), ("3", A), ("b", B), ("c", None))
    first = waiting.take(MOST_JOINED + 1)
    assert values(first) == "a" * MOST_JOINED + "b"
    assert values(waiting.take(10)) == "c"
    assert not waiting.ready
    waiting.back(first, [])
    assert values(waiting.take(10)) == "23"


def test_behind_a_call_of_a_joint_script_nothing_is_taken_with_it() -> None:
    waiting = backlog(("1", A), ("2", A), ("X", A), ("4", A))
    for expected in ("12X", "4"):
        taken = waiting.take(10)
        assert values(taken) == expected
        waiting.back(taken, [])


def test_what_comes_while_a_call_of_its_chain_is_being_made_waits_for_it() -> None:
    waiting = backlog(("1", A))
    first = waiting.take(10)
    waiting.add(a_call("2", A), Future())
    assert not waiting.ready
    waiting.back(first, [])
    assert values(waiting.take(10)) == "2"


def test_across_chains_that_comes_first_which_arrived_first() -> None:
    waiting = backlog(("1", A), ("X", A), ("2", A), ("3", None), ("4", B), ("5", None))
    first = waiting.take(1)
    waiting.back(first, [])
    assert values(first) + values(waiting.take(2)) + values(waiting.take(2)) == "1X2345"


def test_what_could_not_be_made_comes_again_before_all_that_came_later() -> None:
    waiting = backlog(("1", None), ("2", A), ("X", A), ("4", None))
    taken = waiting.take(2)
    waiting.back([], taken)
    assert values(waiting.take(10)) == "12X4"


def test_of_a_chain_of_which_only_the_first_was_made_the_others_come_again_in_their_order() -> None:
    waiting = backlog(("1", A), ("2", A), ("3", A), ("4", A), ("5", None))
    taken = waiting.take(10)
    assert values(taken) == "12345"
    waiting.back(taken[:1], taken[1:])
    assert (len(waiting), values(waiting.take(10))) == (4, "2345")


def test_a_chain_that_is_done_leaves_nothing_behind() -> None:
    waiting = backlog(("1", A), ("X", A))
    while waiting.ready:
        waiting.back(waiting.take(1), [])
    assert (len(waiting), waiting._behind) == (0, {})


class Looked:
    """A call that counts how often its chain is looked at."""

    share = 0

    def __init__(self) -> None:
        self.times = 0

    @property
    def chain(self) -> tuple[str, str]:
        self.times += 1
        return A


def test_a_long_chain_costs_as_much_a_call_as_a_short_one() -> None:
    waiting, looked = Backlog(), Looked()
    call: Any = looked
    for _ in range(8000):
        waiting.add(call, Future())
    while waiting.ready:
        waiting.back(waiting.take(256), [])
    assert looked.times <= 5 * 8000
