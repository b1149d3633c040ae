"""Limits as people read them: a line for the setting, and beneath it how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.text import Text

from backdesk.cli.options.limit_scopes import written
from backdesk.cli.options.moments import shown_span
from backdesk.cli.output import Output
from backdesk.client.operations.job_limits import JobLimitStatus
from backdesk.worker.model.service import BucketStatus, Limits, LimitStatus
from backdesk.worker.model.tenancy import JobLimits


def show_limits(found: Sequence[JobLimitStatus | LimitStatus], out: Output) -> None:
    """Print limits."""
    for status in found:
        setting = _of_jobs(status.limits) if isinstance(status, JobLimitStatus) else _of_service(status.limits)
        out.line(f"{written(status.scope)}  {setting}")
        for text, style in state_lines(status):
            out.line(f"  {text}", style)


def state_lines(status: JobLimitStatus | LimitStatus) -> Iterator[tuple[str, str]]:
    """Yield how limits stand, and the style it is printed in: yellow while somebody waits."""
    if isinstance(status, JobLimitStatus):
        yield job_state(status), "yellow" if status.held else "dim"
        return
    for bucket in status.buckets:
        waits = bucket.parked or bucket.held_until
        yield bucket_state(bucket, status.limits), "yellow" if waits else "dim"
    if not status.buckets:
        yield "not in use", "dim"


def job_state(status: JobLimitStatus) -> str:
    """Return how a limit of jobs stands."""
    parts = []
    if status.running is not None:
        most = status.limits.max_running
        parts.append(f"{status.running}{f' of {most}' if isinstance(most, int) else ''} running")
    if status.next_at:
        parts.append(f"the next may begin in {until(status.next_at)}")
    parts.append(_holding(status))
    return ", ".join(parts)


def _holding(status: JobLimitStatus) -> str:
    if status.limits.paused and status.scope.startswith("queue "):
        return "holds all that is queued there"
    places = "place is" if status.held == 1 else "places are"
    return f"{status.held} {places} held" if status.held else "holds nobody"


def bucket_state(bucket: BucketStatus, limits: Limits | None) -> str:
    """Return how full a bucket is."""
    parts = [written(bucket.bucket)]
    if limits and limits.concurrent:
        parts.append(f"{bucket.calls} of {limits.concurrent} calls under way")
    if limits and limits.requests_per_minute:
        parts.append(_ahead("requests", bucket.requests_ahead_s))
    if limits and limits.tokens_per_minute:
        parts.append(_ahead("tokens", bucket.tokens_ahead_s))
    if bucket.held_until:
        parts.append(f"on hold for {until(bucket.held_until)}")
    if bucket.parked:
        parts.append(f"{bucket.parked} jobs parked")
    return ", ".join(parts)


def until(moment: datetime) -> str:
    """Return how long it is until a moment."""
    return shown_span(max((moment - datetime.now(UTC)).total_seconds(), 0))


def _ahead(what: str, seconds: float) -> str:
    return f"{what} given away {shown_span(seconds)} ahead" if seconds else f"{what} free"


def _of_jobs(limits: JobLimits) -> str:
    parts = ["paused"] if limits.paused else []
    if limits.max_running is not None:
        parts.append(
            "no limit of running jobs" if limits.max_running == "none" else f"at most {limits.max_running} running"
        )
    if limits.rate is not None:
        burst = f", {limits.burst} at once after a rest" if limits.burst else ""
        parts.append("no rate" if limits.rate == "none" else f"{limits.rate} begin{burst}")
    return "; ".join(parts)


def _of_service(limits: Limits | None) -> str:
    if limits is None:
        return "no limits, but it asked for a pause"
    named = (
        (limits.requests_per_minute, "requests per minute"),
        (limits.tokens_per_minute, "tokens per minute"),
        (limits.concurrent, "at once"),
    )
    return "; ".join(f"{value} {what}" for value, what in named if value)


def limit_text(limits: JobLimits | Limits | None) -> Text:
    """Return what is set."""
    return Text(_of_jobs(limits) if isinstance(limits, JobLimits) else _of_service(limits))
