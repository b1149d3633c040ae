"""A forecast tells what it can be right about, and nothing before that."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest

from backdesk.worker.model.forecast import LEAST_S, MOST_POINTS, Forecast


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def forecast(clock: Clock) -> Forecast:
    return Forecast(clock)


def observe(forecast: Forecast, clock: Clock, done: Callable[[float], float], until: float, every: float) -> None:
    """Observe work of 100 for so many seconds from now on."""
    began = clock.now
    while clock.now - began < until:
        forecast.observe(done(clock.now - began), 100)
        clock.now += every


def told(forecast: Forecast, clock: Clock, done: Callable[[float], float], s: float, every: float) -> Iterator[float]:
    """Yield each remaining time that is told while work of 100 goes on, with how wrong it is, as a factor."""
    began = clock.now
    while (passed := clock.now - began) < s:
        forecast.observe(done(passed), 100)
        if (remaining := forecast.remaining_s) is not None and s - passed > 3 * every:
            yield remaining / (s - passed)
        clock.now += every


def test_even_work_has_a_rate_and_a_remaining_time(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    assert forecast.rate == pytest.approx(5)
    assert forecast.remaining_s == pytest.approx(12, abs=0.2)


@pytest.mark.parametrize("every", [0.01, 0.1, 0.5, 1.0])
def test_nothing_remains_to_be_told_within_the_first_seconds(forecast: Forecast, clock: Clock, every: float) -> None:
    began = clock.now
    while clock.now - began < LEAST_S - 0.01:
        forecast.observe(10 * (clock.now - began), 100)
        assert forecast.remaining_s is None
        clock.now += every


def test_nothing_is_told_from_a_share_that_says_nothing(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 0.1 * s, until=19, every=0.5)
    assert forecast.remaining_s is None
    observe(forecast, clock, lambda s: 1.9 + 0.1 * s, until=5, every=0.5)
    assert forecast.remaining_s == pytest.approx(976, abs=5)


def test_nothing_is_told_without_a_total_but_the_rate(forecast: Forecast, clock: Clock) -> None:
    for _ in range(20):
        forecast.observe(7 * clock.now)
        clock.now += 0.5
    assert forecast.rate == pytest.approx(7)
    assert forecast.remaining_s is None


def test_work_that_comes_in_jumps_has_no_remaining_time(forecast: Forecast, clock: Clock) -> None:
    for fraction in (0.0, 0.05, 0.06, 0.07, 0.5, 0.95):
        forecast.observe(fraction, 1)
        clock.now += 2
        assert forecast.remaining_s is None


def test_work_that_has_stopped_has_neither(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    clock.now += 6
    assert (forecast.rate, forecast.remaining_s) == (None, None)


def test_work_that_is_told_of_and_does_not_move_has_neither(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: min(5 * s, 20), until=12, every=0.1)
    assert (forecast.rate, forecast.remaining_s) == (None, None)


def test_slow_steps_are_no_stop(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: s // 10, until=100, every=10)
    clock.now += 15
    assert forecast.rate == pytest.approx(0.1)


def test_a_remaining_time_runs_down_between_observations(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.5)
    before = forecast.remaining_s
    clock.now += 2
    assert before is not None
    assert forecast.remaining_s == pytest.approx(before - 2)


def test_a_remaining_time_is_never_less_than_none(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 9.9 * s, until=10.1, every=0.5)
    clock.now += 4
    assert forecast.remaining_s == 0


def test_another_attempt_begins_anew(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    forecast.observe(2, 100)
    assert (forecast.rate, forecast.remaining_s) == (None, None)


def test_work_that_goes_on_near_its_end_is_judged_by_what_is_left(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 90 + 0.1 * s, until=5, every=0.1)
    assert forecast.remaining_s == pytest.approx(95, abs=1)


def test_work_that_grows_takes_longer(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    forecast.observe(40, 200)
    assert forecast.remaining_s == pytest.approx(32, abs=0.5)


def test_what_is_told_lately_counts_and_not_how_it_began(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 0.5 * s, until=20, every=0.5)
    observe(forecast, clock, lambda s: 10 + s, until=60, every=0.5)
    assert forecast.rate == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("s", "every"), [(30, 0.1), (90, 0.05), (600, 2.0), (4_000, 60.0)])
def test_what_is_told_of_work_of_an_uneven_pace_is_about_right(seed: int, s: float, every: float) -> None:
    clock, pace = Clock(), random.Random(seed)
    steps = [pace.uniform(0.5, 1.5) for _ in range(int(s / every) + 1)]
    sums = [0.0]
    for step in steps:
        sums.append(sums[-1] + step)
    errors = [*told(Forecast(clock), clock, lambda at: 100 * sums[round(at / every)] / sums[-2], s, every)]
    assert len(errors) > 0.6 * s / every
    assert max(errors) < 2
    assert min(errors) > 0.5


def test_what_slows_down_for_good_is_told_nothing_of_until_it_is_steady(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=10, every=0.5)
    observe(forecast, clock, lambda s: 50 + 0.5 * s, until=4, every=0.5)
    assert forecast.remaining_s is None
    observe(forecast, clock, lambda s: 52 + 0.5 * s, until=40, every=0.5)
    assert forecast.remaining_s == pytest.approx(56, rel=0.1)


@pytest.mark.parametrize("done", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_ignored(forecast: Forecast, clock: Clock, done: float) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    forecast.observe(done, done)
    assert forecast.rate == pytest.approx(5)


@pytest.mark.parametrize("total", [0, -5, 40])
def test_a_total_that_is_none_is_no_error(forecast: Forecast, clock: Clock, total: float) -> None:
    for n in range(100):
        forecast.observe(n, total)
        clock.now += 0.2
        assert (forecast.remaining_s or 0) >= 0


def test_a_clock_that_goes_back_begins_anew(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.1)
    clock.now -= 5
    forecast.observe(50, 100)
    assert forecast.rate is None


def test_it_is_told_as_data_only_when_it_is_known(forecast: Forecast, clock: Clock) -> None:
    assert forecast.as_data() == {}
    observe(forecast, clock, lambda s: 5 * s, until=8, every=0.5)
    assert forecast.as_data() == {"remaining_s": pytest.approx(12, abs=0.1)}


def test_it_takes_no_more_memory_however_long_the_work(forecast: Forecast, clock: Clock) -> None:
    observe(forecast, clock, lambda s: s / 100, until=3_000, every=0.1)
    assert len(forecast._points) <= MOST_POINTS
