"""Why a job that could run does not, as people read it."""

from __future__ import annotations

from datetime import UTC, datetime

from backdesk.cli.options.limit_scopes import sentence, written
from backdesk.cli.options.moments import rough_span
from backdesk.cli.safe_text import safe_line
from backdesk.client.operations.unserved import UnservedJobs
from backdesk.worker.model.job import Hold, JobFacts, Unserved
from backdesk.worker.model.version import Stranding, line_of


def state_text(record: JobFacts) -> str:
    """Return the state of a job, `limited` for one that a limit holds."""
    return "limited" if record.limited else str(record.state)


def hold_text(record: JobFacts) -> str:
    """Return what a job waits for; empty when that is nothing but a free slot and its turn, and it is next."""
    if record.unserved:
        return record_lack_text(record, record.unserved)
    if record.stranded:
        return _version_text(Stranding.read(record.stranded))
    if record.behind:
        return f"behind job {record.behind} of its conversation"
    parts = [_limit(record.limited)] if record.limited else []
    if record.ahead:
        parts.append(f"{record.ahead} of its tenant and kind {'is' if record.ahead == 1 else 'are'} before it")
    return safe_line(", ".join(parts))


def record_lack_text(record: JobFacts, lack: Unserved) -> str:
    """Return that nobody is there to run a job, and what to do."""
    return _lack(lack, safe_line(record.queue), Stranding.read(record.stranded or line_of(record.kind, record.slots)))


def unserved_text(waiting: UnservedJobs) -> str:
    """Return what nobody is there to run, and what to do."""
    of_kind = f" of {safe_line(waiting.kind)}" if waiting.kind else f" in {safe_line(waiting.queue)}"
    need = Stranding(waiting.kind or "", waiting.slots, waiting.version or "", waiting.committed)
    return f"{waiting.jobs} queued{of_kind}: {_lack(waiting.lack, safe_line(waiting.queue), need)}"


def _lack(lack: Unserved, queue: str, need: Stranding) -> str:
    match lack:
        case "queue":
            return f"no live worker reads the queue {queue}; start one: backdesk worker {queue}"
        case "kind":
            return f"no live worker runs this kind; start one: BACKDESK_TASK_MODULES=… backdesk worker {queue}"
        case "slots":
            larger = f"backdesk worker {queue} --concurrency …"
            many = f"the {need.slots} slots that are asked for" if need.slots else "as many slots as this kind takes"
            return f"no live worker has {many}; start a larger one: {larger}"
        case "version":
            version = safe_line(need.version)
            anew = "" if need.committed else ', or mismatch="restart" to begin anew'
            fix = f'start one of that version, or say resumes="{version}" in @task if the body now may{anew}'
            return f"no live worker may go on {_from(need)}; {fix}"


def _version_text(need: Stranding) -> str:
    return f"for a worker that may go on {_from(need)}" if need.version else "for a worker that knows its kind"


def _from(need: Stranding) -> str:
    done = ", which has begun what must not be done twice" if need.committed else ""
    return f"from version {safe_line(need.version)}{done}"


def _limit(hold: Hold) -> str:
    scope = sentence(hold.scope)
    if hold.reason == "paused":
        return f"{scope} is paused; go on with: backdesk resume {written(hold.scope)}"
    if hold.reason == "max_running":
        return f"as many of {scope} run as may"
    reason = f"by the rate of {scope}" if hold.reason == "rate" else f"by {scope}"
    return f"{reason}, until {_moment(hold.run_at)}" if hold.run_at else reason


def _moment(moment: datetime) -> str:
    left = (moment - datetime.now(UTC)).total_seconds()
    return f"{moment.astimezone().strftime('%H:%M:%S')}{f', in {rough_span(left)}' if left > 0 else ''}"
