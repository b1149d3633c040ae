"""The jobs of a schedule: checked when the schedule is made, and again at each firing, as a submit is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import from_json

from backdesk.worker.errors import InvalidRequest
from backdesk.worker.model.contract import RequestCheck, encode_json
from backdesk.worker.model.job import NAME_PATTERN
from backdesk.worker.model.options import JobOptions
from backdesk.worker.model.schedule import Schedule, Timing, timing_fields
from backdesk.worker.store.jobs import NewJob
from backdesk.worker.submit.admission import admit

#: Under this name a job's metadata says which schedule it comes from, and the moment that it was planned for.
LABEL = "schedule"
#: The options of a job that each firing of a schedule can have, and what they are called in its definition.
REPEATABLE = {
    option.name: field
    for option in fields(JobOptions)
    for field in (option.name, f"{option.name}_s")
    if field in Schedule.model_fields
}


def define(
    name: str,
    kind: str,
    request: object,
    check: RequestCheck,
    options: JobOptions,
    *,
    timing: Timing,
    max_request_bytes: int,
    now: datetime,
) -> Schedule:
    """Return the definition of a schedule of which each firing can be a job; raises InvalidRequest, writes nothing.

    Of the options those hold that can be repeated; `expires` and `start_by` are times from each firing.
    """
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise InvalidRequest("name", f"{name!r} must be 1 to 128 letters, digits, or any of _ . @ -")
    when = timing_fields(timing)
    _check_repeatable(options)
    # The job that a firing would make: refused now, not at three in the morning.
    labelled = _labelled(options, name, now)
    admit(name, kind, request, check, labelled, max_request_bytes=max_request_bytes, now=now)
    return Schedule(
        name=name,
        kind=kind,
        # As it was given: defaults are those that the kind has on the day of the firing.
        request=from_json(encode_json("request", request)),
        **(_repeated(options) | when),
    )


def job_of(
    schedule: Schedule,
    check: RequestCheck,
    job_id: str,
    planned: datetime | None,
    *,
    max_request_bytes: int,
    now: datetime | None = None,
) -> NewJob:
    """Return the job of a firing, `planned` None for one out of turn; raises InvalidRequest when it no longer fits."""
    options = JobOptions(**{option: getattr(schedule, field) for option, field in REPEATABLE.items()})
    labelled = _labelled(options, schedule.name, planned)
    kind, request = schedule.kind, schedule.request
    return admit(job_id, kind, request, check, labelled, max_request_bytes=max_request_bytes, now=now)


def _labelled(options: JobOptions, name: str, planned: datetime | None) -> JobOptions:
    label = {"name": name, "planned_at": planned and planned.isoformat(timespec="milliseconds")}
    return replace(options, metadata={**(options.metadata or {}), LABEL: label})


def _check_repeatable(options: JobOptions) -> None:
    for field in fields(options):
        if field.name not in REPEATABLE and getattr(options, field.name) != field.default:
            raise InvalidRequest(field.name, "is for a single job; a schedule has none")
    for name in ("expires", "start_by"):
        if isinstance(getattr(options, name), datetime):
            raise InvalidRequest(name, "must be a length of time, which counts from each firing")
    if options.metadata is not None and not isinstance(options.metadata, Mapping):
        raise InvalidRequest("metadata", f"must be an object, not {type(options.metadata).__name__}")
    if LABEL in (options.metadata or {}):
        raise InvalidRequest("metadata", f"{LABEL!r} is the name under which each job says where it comes from")


def _repeated(options: JobOptions) -> dict[str, Any]:
    """Return the fields of a definition that hold options, which were admitted; what is not given is left out."""
    given = {field: getattr(options, option) for option, field in REPEATABLE.items()}
    if options.metadata:
        given["metadata"] = from_json(encode_json("metadata", dict(options.metadata)))
    return {
        field: value.total_seconds() if isinstance(value, timedelta) else value
        for field, value in given.items()
        if value is not None
    }
