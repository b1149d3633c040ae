"""The backlog: what may be made next, in which order, and at what cost."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from backdesk.worker.store.backlog import Backlog, Pending
from backdesk.worker.store.scripts import Call, Script

A, B = ("a", "1"), ("b", "1")


def backlog(*calls: tuple[str, tuple[str, str] | None]) -> Backlog:
    waiting = Backlog()
    for value, chain in calls:
        waiting.add(Call(Script("any", ""), (value,), int, chain), Future())
    return waiting


def values(taken: list[Pending]) -> str:
    return "".join(str(pending.call.arguments[0]) for pending in taken)


def test_of_each_chain_one_call_is_taken_and_the_next_when_it_is_done() -> None:
    waiting = backlog(("1", A), ("2", A), ("3", B), ("4", None), ("5", None))
    first = waiting.take(10)
    assert values(first) == "1345"
    assert not waiting.ready
    waiting.done(first)
    assert values(waiting.take(10)) == "2"


def test_what_comes_while_a_call_of_its_chain_is_being_made_waits_for_it() -> None:
    waiting = backlog(("1", A))
    first = waiting.take(10)
    waiting.add(Call(Script("any", ""), ("2",), int, A), Future())
    assert not waiting.ready
    waiting.done(first)
    assert values(waiting.take(10)) == "2"


def test_across_chains_that_comes_first_which_arrived_first() -> None:
    waiting = backlog(("1", A), ("2", A), ("3", None), ("4", B), ("5", None))
    first = waiting.take(1)
    waiting.done(first)
    assert values(first) + values(waiting.take(2)) + values(waiting.take(2)) == "12345"


def test_what_could_not_be_made_comes_again_before_all_that_came_later() -> None:
    waiting = backlog(("1", None), ("2", A), ("3", A), ("4", None))
    taken = waiting.take(2)
    waiting.back(taken)
    assert values(waiting.take(10)) == "124"


def test_a_chain_that_is_done_leaves_nothing_behind() -> None:
    waiting = backlog(("1", A), ("2", A))
    while waiting.ready:
        waiting.done(waiting.take(1))
    assert (len(waiting), waiting._behind) == (0, {})


class Looked:
    """A call that counts how often its chain is looked at."""

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
        waiting.done(waiting.take(256))
    assert looked.times <= 5 * 8000
