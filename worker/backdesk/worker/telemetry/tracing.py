"""Whether this process tells of its jobs by OpenTelemetry. Where it does not, nothing of that is imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import Settings
from backdesk.worker.store.jobs import NewJob

if TYPE_CHECKING:
    from backdesk.worker.telemetry.export import Export
    from backdesk.worker.telemetry.spans import Tracing

_tracing: Tracing | None = None
_export: Export | None = None


def tracing() -> Tracing | None:
    """Return what tells of jobs; None where nothing is to be told."""
    return _tracing


def join(settings: Settings) -> None:
    """Tell of jobs from now on, if that is wanted, by whatever the program around us has set up. Idempotent.

    Raises ConfigurationError where OpenTelemetry is not installed.
    """
    global _tracing  # noqa: PLW0603 - a process has one, as OpenTelemetry itself
    if settings.otel and _tracing is None:
        try:
            from backdesk.worker.telemetry.spans import Tracing  # noqa: PLC0415 - only where it is wanted
        except ImportError as error:
            raise ConfigurationError(f'BACKDESK_OTEL needs what pip install "backdesk[otel]" brings: {error}') from None
        _tracing = Tracing(content=settings.otel_content)


def begin(settings: Settings, service: str) -> None:
    """Do so in a process of ours, which sends what it tells to a collector, as `OTEL_*` variables say. Idempotent.

    Raises ConfigurationError also for such a variable that is wrong.
    """
    global _export  # noqa: PLW0603 - as above
    join(settings)
    if _tracing is not None and _export is None:
        from backdesk.worker.telemetry.export import Export  # noqa: PLC0415 - as above

        try:
            _export = Export(service, content=settings.otel_content)
        except ValueError as error:
            raise ConfigurationError(f"OTEL_…: {error}") from None


def end() -> None:
    """Send what is not sent yet, for a few seconds at most. Idempotent."""
    global _export, _tracing  # noqa: PLW0603 - as above
    if _export is not None:
        _export.close()
    _export = _tracing = None


@contextmanager
def sending(jobs: Sequence[NewJob]) -> Iterator[Sequence[NewJob]]:
    """Tell of the submit of jobs in the block; gives them as they are to be written: with the context of that."""
    if _tracing is None:
        yield jobs
    else:
        with _tracing.sending(jobs) as sent:
            yield sent
