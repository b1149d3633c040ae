"""One yardstick for both: what the bodies wrote down, of jobs that their sender was told are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.hand import Dealt
from tests.chaos.recovery import Times
from tests.chaos.witness import Witness


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a run. A job is finished when a body has come to its end."""

    label: str
    configured: str
    worker_kills: int
    acknowledged: int
    unfinished: int
    #: Of the unfinished, those that the broker still holds somewhere: they may come back some day.
    held: int
    bodies_begun: int
    steps_ended_twice: int
    charges_twice: int
    recovery: Times | None
    #: Jobs that lost their process and did not begin again before the run was over.
    not_recovered: int
    deserters: int
    drain_s: float


def tally(
    label: str,
    configured: str,
    witness: Witness,
    *,
    acknowledged: Iterable[str],
    held: Iterable[str],
    dealt: Sequence[Dealt],
    deserters: int,
    drain_s: float,
) -> Tally:
    """Count."""
    known = {*acknowledged}
    unfinished = known - witness.finished()
    times = [seconds for kill in dealt if kill.is_kill for seconds in _again(witness, kill)]
    begun_again = [seconds for seconds in times if seconds is not None]
    return Tally(
        label=label,
        configured=configured,
        worker_kills=sum(fault.is_kill for fault in dealt),
        acknowledged=len(known),
        unfinished=len(unfinished),
        held=len(unfinished & {*held}),
        bodies_begun=len(witness.attempts()),
        steps_ended_twice=_twice((run.job, run.step) for run in witness.runs() if run.ended is not None),
        charges_twice=_twice((charge.job, charge.step) for charge in witness.charges()),
        recovery=Times.of(begun_again),
        not_recovered=len(times) - len(begun_again),
        deserters=deserters,
        drain_s=drain_s,
    )


def _twice(steps: Iterable[tuple[str, str]]) -> int:
    return sum(times > 1 for times in Counter(steps).values())


def _again(witness: Witness, kill: Dealt) -> Iterator[float | None]:
    """For each job whose body a kill broke off: how long until a body began again, None if none did."""
    rows, finished = witness.attempts(), witness.finished()
    for job in {row.job for row in rows if row.pid in kill.pids and row.started <= kill.at and row.ended is None}:
        later = [row.started for row in rows if row.job == job and row.started > kill.at]
        if later:
            yield min(later) - kill.at
        elif job not in finished:
            yield None
