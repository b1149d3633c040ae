"""The context of an attempt, as far as it is the same for every body: whose job it runs, and how to tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pydantic_core import from_json

from backdesk.worker.attempt.children import Children
from backdesk.worker.attempt.files import Files
from backdesk.worker.attempt.ledger import Ledger
from backdesk.worker.attempt.questions import Questions
from backdesk.worker.attempt.service_call import ServiceCalls
from backdesk.worker.attempt.spending import AttemptSpending
from backdesk.worker.memory.access import Memory
from backdesk.worker.model.deployment import SystemState
from backdesk.worker.model.events import EventType, check_emittable
from backdesk.worker.model.job import Claim, Usage
from backdesk.worker.model.measure import MOST_MEASURES, check_measure
from backdesk.worker.model.plan import PLAN, Plan, Plans, PlanStep, Titles
from backdesk.worker.model.sent import SentLog

if TYPE_CHECKING:
    from backdesk.worker.blobs.parts import Parts as FileParts


class ProgressSink(Protocol):
    """Where a context's events go. Both methods return at once; delivery happens behind them."""

    def emit(self, event_type: str, data: dict[str, Any]) -> None:
        """Append one event to the job's log and publish it, in the order of the calls."""

    def token(self, text: str) -> None:
        """Add text to the answer that is being streamed; pieces are joined into one event every 50 ms or so."""

    def sent(self, entry: bytes, texts: Mapping[str, str]) -> None:
        """Keep what was sent to a model, with the texts that it names by digest."""

    @property
    def watched(self) -> bool:
        """Whether somebody follows this job's progress right now."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What does the work behind a context."""

    sink: ProgressSink
    ledger: Ledger
    children: Children
    services: ServiceCalls
    spending: AttemptSpending
    memory: Memory
    files: Files
    #: Asks for the state of the deployment.
    look: Callable[[], Future[SystemState]]
    #: Whether what names persons is masked in what is kept of requests to models.
    masks: bool = False


class BaseContext:
    """The attempt at hand: who asks for what, and how to tell them how it goes."""

    def __init__(self, claim: Claim, parts: Parts) -> None:
        self._parts = parts
        self._questions = Questions(parts.ledger)
        self._sent: SentLog | None = None
        self._plans: Plans | None = None
        self._root = claim.root or claim.job_id
        self.job_id = claim.job_id
        self.kind = claim.kind
        self.tenant = claim.tenant
        self.attempt = claim.attempt
        self.metadata = claim.metadata
        #: The trace context (W3C) of its submit, or None.
        self.traceparent = claim.traceparent or None
        #: When the answer stops being of use, or None.
        self.deadline: datetime | None = claim.expires_at
        #: What the last attempt kept with `checkpoint`, or None.
        self.restored: Any = from_json(claim.checkpoint) if claim.checkpoint else None
        #: What the job has consumed, former attempts included: add to it; it is kept with the job's record.
        #: A copy: what this attempt costs its tenant is the difference to what the claim says.
        self.usage = claim.usage.model_copy(deep=True) if claim.usage else Usage()
        #: The fields of the request in which something looks suspicious, and what: names of patterns.
        self.flagged: Mapping[str, Sequence[str]] = {}
        #: What the body leaves for its fallback, which is given the same context; it is not kept.
        self.aside: dict[str, Any] = {}

    @property
    def watched(self) -> bool:
        """Whether somebody follows this job's progress right now; streaming is worth its cost only then.

        Who waits for its result alone does not.
        """
        return self._parts.sink.watched

    @property
    def draining(self) -> bool:
        """Whether the worker is ending; the next step will hand the job over."""
        return self._parts.ledger.draining

    @property
    def cancelled(self) -> bool:
        """Whether the body was stopped because its job is cancelled: no attempt follows, and what it has made may go.

        A body is stopped for other reasons, too, by the same CancelledError: then the next attempt goes on.
        """
        return self._parts.ledger.cancelled()

    @property
    def steered(self) -> bool:
        """Whether `messages` has any: the last checkpoint has found some, or an attempt before this one took some."""
        return self._parts.ledger.steered

    @property
    def max_attachment_bytes(self) -> int:
        """How large a file may be for `attach`."""
        return self._parts.memory.max_attachment_bytes

    @property
    def plans(self) -> Plans:
        """The plan of the job, as the attempts before this one have left it, if they have one."""
        if self._plans is None:
            kept = self._parts.ledger.told(PLAN) or []
            self._plans = Plans(self._tell_plan, [PlanStep.model_validate(step) for step in kept])
        return self._plans

    def plan(self, titles: Titles) -> Plan:
        """Tell what the job is going to do: titles of steps, or titles by their keys; `mark` each, or run its `step`.

        Returns at once. A later attempt that makes the same plan finds done what was done. A new plan takes the place
        of one before it. Raises ValueError for more than 40 steps, for a title of more than 120 characters, and for two
        steps of one name.
        """
        return self.plans.plan(titles)

    def _tell_plan(self, steps: Sequence[PlanStep]) -> None:
        told = [step.as_data() for step in steps]
        self._parts.ledger.tell(PLAN, told)
        self._parts.sink.emit(EventType.PLAN, {"steps": told})

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        """Tell how far the job is: `fraction` from 0 to 1 (None when unknown), a message for people, and any JSON data.

        Raises ValueError when the fraction is outside 0 to 1.
        """
        if fraction is not None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"fraction must be between 0 and 1, not {fraction!r}")
            data["fraction"] = round(fraction, 4)
        if message:
            data["message"] = message
        self._parts.sink.emit(EventType.PROGRESS, data)

    def emit(self, event_type: str, **data: Any) -> None:
        """Emit an event with JSON data: one of the types for bodies, or a lower-case type of your own.

        Raises ValueError for a type of the life cycle, a malformed type, or data over the event size limit, and
        TypeError for data that is no JSON.
        """
        check_emittable(event_type)
        self._parts.sink.emit(event_type, data)

    def token(self, text: str) -> None:
        """Stream a piece of the answer. Pieces are joined; while nobody watches they are dropped."""
        self._parts.sink.token(text)

    def sent(
        self,
        call_id: str,
        body: Mapping[str, Any],
        *,
        agent: str,
        model: str,
        prompt: str | None = None,
        shared: str = "",
    ) -> None:
        """Keep a request to a model as it is sent, JSON, for whoever looks into the job: `backdesk prompt show`.

        Returns at once. It is kept beside the log, as long as that and within its bounds, masked, and told to nobody
        who watches. `call_id` is that of the request's events: the attempt, a dot, and its number. `prompt` is the hash
        of the agent's instructions, and `shared` how the instructions of all such requests begin, which is kept once.
        """
        if self._sent is None:
            self._sent = SentLog(self._parts.sink.sent, masks=self._parts.masks)
        self._sent.add(call_id, body, agent=agent, model=model, prompt=prompt, shared=shared)

    def measure(self, name: str, value: float, *, add: bool = False) -> None:
        """Keep a number of this job with its usage, by a name of lower-case words (`rows_read`): 50 at most.

        A later one of the same name takes its place, or with `add` comes to it; over all attempts, but those whose
        worker was lost. A body that runs again adds again. When the job has ended, the numbers of all jobs of its kind
        and tenant are told together, as `backdesk stats` shows. Raises ValueError for a name that is none or is
        measured by the engine itself, and for what is no finite number of at most 1e15.
        """
        check_measure(name, value)
        known = self.usage.measures
        if name not in known and len(known) >= MOST_MEASURES:
            raise ValueError(f"a job has at most {MOST_MEASURES} measures; {name!r} is one more")
        total = float(value) + (known.get(name, 0.0) if add else 0.0)
        check_measure(name, total)
        known[name] = total

    def file_parts(self, name: str) -> FileParts:
        """Return the parts of a file of this job that is written bit by bit, and goes on after a crash.

        For what is larger than memory, or takes long: ask which parts are `there`, `put` the others, `compose` them.
        All of this blocks: an `async def` body calls it by `asyncio.to_thread`.
        """
        return self._parts.files.parts(name)

    def note(self, topic: str, /, **data: Any) -> None:
        """Leave a note in this tenant's journal of a topic: JSON data for whoever looks back, as `client.notes` does.

        Returns at once. A later attempt that notes the same leaves no second note. The newest 10,000 of a topic are
        kept, for BACKDESK_NOTE_RETENTION_S. Raises ValueError for a topic that is none, and for data that is no JSON or
        over BACKDESK_MAX_EVENT_BYTES.
        """
        self._parts.memory.note(topic, data)

    def idempotency_key(self, key: str) -> str:
        """Return the name of a step for the outside world: the same in every attempt, and in a replay that resumes."""
        return f"{self._root}:{self._parts.ledger.check_key(key)}"

    def leave(self, key: str, value: Any) -> None:
        """Leave JSON for the attempts after this one, by a key. Returns at once, and may be lost with the worker."""
        self._parts.ledger.tell(f"left:{self._parts.ledger.check_key(key)}", value)

    def left(self, key: str) -> Any:
        """Return what a former attempt has left by a key, None when there is nothing."""
        return self._parts.ledger.told(f"left:{self._parts.ledger.check_key(key)}")

    def finished(self, key: str) -> bool:
        """Whether a former attempt has finished the step of this key, so that it will not run."""
        return self._parts.ledger.finished(f"step:{self._parts.ledger.check_key(key)}")

    def finished_steps(self) -> dict[str, Any]:
        """Return what former attempts have finished: the values of steps by key, as JSON has them."""
        return dict(self._parts.ledger.finished_steps())
