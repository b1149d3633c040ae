"""The ordered map keeps its order and its bounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import pytest

from backdesk.tools.batch.window import MOST_A_SLICE, MOST_SLICE_SIZE, SLICES_A_THREAD, in_order
from tests.support.eventually import eventually


class Endless:
    """All numbers, and how many of them were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self.taken += 1
        return self.taken - 1


@pytest.mark.parametrize("parallel", [1, 2, 8])
def test_results_are_in_the_order_of_the_items_whichever_is_ready_first(parallel: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.001 * (item % 5 == 0))
        return item * item

    assert list(in_order(range(500), work, parallel)) == [item * item for item in range(500)]


def test_no_more_items_are_done_at_a_time_than_allowed() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001)
        with lock:
            running -= 1

    list(in_order(range(200), work, 5))
    assert most == 5


def test_a_slow_item_does_not_have_the_others_run_far_ahead() -> None:
    items, go_on = Endless(), threading.Event()

    def work(item: int) -> int:
        if item == 0:
            go_on.wait(30)
        return item

    results = in_order(items, work, 4)
    first = threading.Thread(target=lambda: list(islice(results, 1)))
    first.start()
    eventually(lambda: items.taken >= 4 * SLICES_A_THREAD - 1, what="all that may be begun")
    assert items.taken <= 4 * SLICES_A_THREAD
    go_on.set()
    first.join()


def test_what_is_held_is_bounded_however_fast_the_work() -> None:
    items = Endless()

    with closing(in_order(items, lambda item: item, 4)) as results:
        for result in islice(results, 20_000):
            assert items.taken - result <= (4 * SLICES_A_THREAD + 1) * MOST_A_SLICE


def test_large_results_wait_in_smaller_numbers() -> None:
    items, large = Endless(), MOST_SLICE_SIZE // 4
    with closing(in_order(items, lambda item: item, 4, lambda _: large)) as results:
        for result in islice(results, 2_000):
            assert items.taken - result <= (4 * SLICES_A_THREAD + 1) * 4


def test_what_has_not_begun_when_the_caller_stops_never_begins() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        time.sleep(0.01)
        done.append(item)
        return item

    with closing(in_order(range(1_000), work, 2)) as results:
        next(results)
    stopped_at = len(done)
    time.sleep(0.1)
    assert len(done) <= stopped_at + 2
