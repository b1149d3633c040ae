"""What goes on in a deployment, on one page that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from rich.console import Group, RenderableType
from rich.text import Text

from backdesk.cli.options.limit_scopes import written
from backdesk.cli.options.moments import rough_span
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.breakers import COLUMNS as BREAKER_COLUMNS
from backdesk.cli.views.breakers import DISPENSABLE as BREAKER_DISPENSABLE
from backdesk.cli.views.breakers import breaker_row
from backdesk.cli.views.columns import Cell, fitted
from backdesk.cli.views.holds import unserved_text
from backdesk.cli.views.limits import limit_text, state_lines
from backdesk.cli.views.maintenance import notice_text
from backdesk.cli.views.pauses import pause_text
from backdesk.cli.views.schedules import next_text
from backdesk.cli.views.tenants import spent_cost, spent_tokens
from backdesk.client.operations.job_limits import JobLimitStatus
from backdesk.client.operations.overview import Overview, QueueStatus, TenantLoad
from backdesk.worker.model.health import WorkerFacts, reasons_against
from backdesk.worker.model.job import JobState
from backdesk.worker.model.service import LimitStatus

_QUEUES = ("queue", "queued", "delivered", "running", "slots", "jobs/s", "average", "longest wait")
_TENANTS = ("tenant", "in line", "active", "limited", "jobs/s", "tokens", "cost", "share", "weight")
_WORKERS = ("worker", "slots", "running", "state", "kinds")
_LIMITS = ("limit", "setting", "now")
_SCHEDULES = ("schedule", "kind", "next")

#: Tenants that are shown at least, however low the terminal.
_FEWEST_TENANTS = 3
#: Limits that are shown, those first for which somebody waits, and of each so many of the buckets it counts in.
_MOST_LIMITS, _MOST_BUCKETS = 12, 3
_MOST_PAUSES = 6


def page(seen: Overview, width: int, height: int | None = None) -> RenderableType:
    """Return the page; with a height, so many tenants are left out that it fits, if that is enough."""
    head, after = [*_head(seen)], [*_after(seen, width)]
    if height is not None:
        taken = sum(-(-part.cell_len // width) for part in head) + sum(_lines(part) for part in after)
        taken += len(seen.queues) + len(seen.unserved) + 4
        room = max(height - taken, _FEWEST_TENANTS)
        more = max(len(seen.tenants) - room, 0)
        seen = seen.model_copy(
            update={"tenants": seen.tenants[:room], "tenants_left_out": seen.tenants_left_out + more}
        )
    return Group(*head, _queues(seen, width), *_unserved(seen), *_tenants(seen, width), *after)


def counts_text(seen: Overview) -> str:
    """Return how many jobs are in each state, and how many of those in queued are behind others of a conversation."""
    counts = {state: f"{jobs} {state}" for state in JobState if (jobs := seen.states.get(state))}
    if seen.behind:
        counts[JobState.QUEUED] += f" ({seen.behind} behind others)"
    return ", ".join(counts.values()) or "no jobs"


def _lines(part: RenderableType) -> int:
    return getattr(part, "row_count", 0) + 1


def _head(seen: Overview) -> Iterator[Text]:
    clock = seen.at.astimezone().strftime("%H:%M:%S")
    yield Text.assemble((f"{clock}  ", "bold"), f"{counts_text(seen)}; {seen.ended_per_s:.3g} jobs/s end")
    if seen.maintenance:
        yield Text(notice_text(seen.maintenance), "yellow")
    for pause in seen.pauses[:_MOST_PAUSES]:
        yield Text(pause_text(pause), "yellow")
    if (more := len(seen.pauses) - _MOST_PAUSES) > 0:
        yield Text(f"{more} more pauses", "yellow")


def _queues(seen: Overview, width: int) -> RenderableType:
    rows = [_queue(each) for each in seen.queues]
    return fitted(_QUEUES, rows, width=width, dispensable=("average", "delivered", "longest wait"), numbers=_QUEUES[1:])


def _queue(status: QueueStatus) -> list[Cell]:
    return [
        safe_line(status.queue),
        str(status.queued),
        str(status.delivered),
        str(status.running),
        Text(str(status.slots), "" if status.slots or not status.queued else "bold red"),
        f"{status.ended_per_s:.3g}",
        "" if status.average_s is None else f"{status.average_s:.2f} s",
        "" if status.longest_wait_s is None else rough_span(status.longest_wait_s),
    ]


def _unserved(seen: Overview) -> Iterator[RenderableType]:
    for each in seen.unserved:
        yield Text(unserved_text(each), "bold red", overflow="ellipsis", no_wrap=True)


def _tenants(seen: Overview, width: int) -> Iterator[RenderableType]:
    if not seen.tenants:
        return
    yield Text("")
    rows = [_tenant(each) for each in seen.tenants]
    yield fitted(
        _TENANTS, rows, width=width, dispensable=("weight", "jobs/s", "share", "cost", "tokens"), numbers=_TENANTS[1:]
    )
    if seen.tenants_left_out:
        yield Text(f"{seen.tenants_left_out} less busy tenants are left out", "dim")


def _tenant(load: TenantLoad) -> list[Cell]:
    most = "paused" if load.paused else load.settings["max_running"].value
    return [
        safe_line(load.tenant),
        str(load.queued),
        f"{load.running}{'' if most is None else f'/{most}'}",
        Text(str(load.limited or ""), "yellow"),
        f"{load.ended_per_s:.3g}",
        spent_tokens(load.spent),
        spent_cost(load.spent),
        f"{load.share:.0%}",
        f"{load.settings['weight'].value:g}",
    ]


def _after(seen: Overview, width: int) -> Iterator[RenderableType]:
    yield Text("")
    if seen.workers:
        rows = [_worker(each) for each in seen.workers]
        yield fitted(_WORKERS, rows, width=width, dispensable=("kinds",), numbers=("slots", "running"))
    else:
        yield Text("no worker is alive", "bold red")
    if seen.breakers:
        yield Text("")
        cells = [breaker_row(each) for each in seen.breakers]
        yield fitted(BREAKER_COLUMNS, cells, width=width, dispensable=BREAKER_DISPENSABLE, numbers=("failures",))
    if limits := [*_limits(seen)]:
        yield Text("")
        yield fitted(_LIMITS, limits, width=width, dispensable=("setting",))
    if seen.schedules:
        yield Text("")
        schedules = [(each.name, safe_line(each.kind), next_text(each)) for each in seen.schedules]
        yield fitted(_SCHEDULES, schedules, width=width, dispensable=("kind",))
    if seen.schedules_left_out:
        yield Text(f"{seen.schedules_left_out} more schedules", "dim")


def _worker(facts: WorkerFacts) -> Sequence[Cell]:
    reasons = "; ".join(reasons_against(facts))
    state = (
        Text(reasons, "bold red") if reasons else Text("draining", "yellow") if facts.draining else Text("ok", "green")
    )
    slots = str(max(facts.slots.values(), default=0))
    return [safe_line(facts.name), slots, str(facts.running), state, safe_line(", ".join(facts.kinds))]


def _limits(seen: Overview) -> Iterator[Sequence[Cell]]:
    found: list[JobLimitStatus | LimitStatus] = [*seen.job_limits, *seen.service_limits]
    found.sort(key=lambda status: not _waited_for(status))
    for status in found[:_MOST_LIMITS]:
        name, setting = written(status.scope), limit_text(status.limits)
        for state, style in islice(state_lines(status), _MOST_BUCKETS):
            yield [name, setting, Text(state, style)]
            name, setting = "", Text("")
    if (more := len(found) - _MOST_LIMITS) > 0:
        yield [f"{more} more", "", "see backdesk limits list"]


def _waited_for(status: JobLimitStatus | LimitStatus) -> bool:
    if isinstance(status, JobLimitStatus):
        return status.held > 0
    return any(bucket.parked or bucket.held_until for bucket in status.buckets)
