"""Tells those who watch a job how its agents get on. Called inside a run: neither blocks nor raises."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from backdesk.agents.contract import ModelUsage, PromptUsed
from backdesk.agents.desk import Transfer
from backdesk.agents.metering import RequestUsage
from backdesk.agents.model_call import Body, ModelCall, told
from backdesk.agents.outcome import in_words
from backdesk.agents.prompts import Prompt
from backdesk.agents.stopwatch import Stopwatch
from backdesk.quality.contract import Review
from backdesk.worker.attempt.context import TaskContext
from backdesk.worker.model.events import EventType
from backdesk.worker.text.masking import mask

#: What an event shows of a tool's arguments and result, in characters.
MOST_SHOWN = 300

#: Under which topic reviews are noted, for whoever looks back.
REVIEWS = "review"

_log = logging.getLogger(__name__)


class Reporter:
    """The watcher of one job's runs."""

    def __init__(
        self,
        context: TaskContext,
        conceal: Callable[[Any], Any] = lambda value: value,
        clock: Callable[[], float] = time.monotonic,
        *,
        prompts: list[PromptUsed] | None = None,
        keeps_requests: bool = True,
    ) -> None:
        self.context = context
        #: Whether what is sent to models is kept with the job.
        self._keeps_requests = keeps_requests
        #: By which prompts models were asked.
        self._prompts = [] if prompts is None else prompts
        self._clock = clock
        self._model_calls = 0
        #: Takes out of a JSON value what nobody who watches may see.
        self._conceal = conceal
        #: How far the job is; it never goes back.
        self.fraction = 0.0
        self._handoffs = 0
        #: The gate that takes the time of each request.
        self.stopwatch = Stopwatch(context, clock)
        self._streamed = False
        self._told: ModelUsage | None = None

    @property
    def watched(self) -> bool:
        """Whether the next request to the model is worth streaming."""
        return self.context.watched

    def go_on(self, fraction: float, transfers: Iterable[Transfer]) -> None:
        """Take up where a former attempt was."""
        self.fraction = fraction
        self._count_variants()
        for transfer in transfers:
            self._count(transfer)

    def stage(self, fraction: float, message: str) -> None:
        """Tell that a stage of the work begins; the fraction never goes back."""
        with self._harmless():
            self.fraction = max(self.fraction, fraction)
            self.context.progress(self.fraction, message)

    def agent_changed(self, transfer: Transfer, prompt: Prompt) -> None:
        """Tell that another agent is active now."""
        with self._harmless():
            self.context.emit(
                "agent",
                agent=transfer.agent,
                previous=transfer.previous,
                reason=_excerpt(self._conceal(transfer.reason)),
                prompt=f"{prompt.name}@{prompt.hash}",
            )
        self._count(transfer)

    def text(self, piece: str, *, begins: bool) -> None:
        """Stream a piece of what the model writes; texts that follow one another are set apart."""
        with self._harmless():
            if begins and self._streamed:
                self.context.token("\n\n")
            if piece:
                self._streamed = True
                if self.watched:
                    self.stopwatch.text_told()
                self.context.token(piece)

    def model_call(
        self, agent: str, model: str, prompt: Prompt | None = None, *, cached: bool = False
    ) -> AbstractContextManager[ModelCall]:
        """Enclose one request to the model of an agent, of which it tells; what is raised inside goes on."""
        self._model_calls += 1
        if prompt is not None:
            self._used(agent, prompt)
        # Attempts have ids of their own; what is known from a former one is not asked again.
        call_id = f"{self.context.attempt}.{self._model_calls}"
        call = ModelCall(self._clock, cached=cached, keeps=partial(self._sent, call_id, agent, model, prompt))
        facts = {"call_id": call_id, "agent": agent, "model": model}
        return told(call, facts if prompt is None else facts | {"prompt": prompt.hash}, self._emit)

    def rated(self, score: int, variants: list[str]) -> None:
        """Note how content a customer is with a conversation in which agents had these variants, if any."""
        with self._harmless():
            self.context.usage.variants = variants
            self.context.measure("csat", score)

    def _used(self, agent: str, prompt: Prompt) -> None:
        used = PromptUsed(agent=agent, name=prompt.name, hash=prompt.hash, variant=prompt.variant)
        if used not in self._prompts:
            self._prompts.append(used)
        self._count_variants()

    def _count_variants(self) -> None:
        known = self.context.usage.variants
        new = [f"{used.agent}={used.variant}" for used in self._prompts if used.variant is not None]
        if new := [name for name in dict.fromkeys(new) if name not in known]:
            self.context.usage.variants = [*known, *new]

    def _sent(self, call_id: str, agent: str, model: str, prompt: Prompt | None, body: Body) -> None:
        if not self._keeps_requests:
            return
        with self._harmless():
            hashed, shared = (prompt.hash, prompt.shared) if prompt else (None, "")
            shown = self._conceal(dict(body()))
            self.context.sent(call_id, shown, agent=agent, model=model, prompt=hashed, shared=shared)

    def tool_called(self, tool: str, call_id: str, args: Mapping[str, object]) -> None:
        """Tell that a tool begins."""
        with self._harmless():
            shown = {name: _shown(value) for name, value in self._conceal(dict(args)).items()}
            self.context.emit("tool_called", tool=tool, call_id=call_id, args=shown)

    def tool_returned(self, tool: str, call_id: str, outcome: str, content: object) -> None:
        """Tell what a tool returned."""
        with self._harmless():
            summary = self._conceal(in_words(content))
            self.context.emit("tool_returned", tool=tool, call_id=call_id, outcome=outcome, summary=_excerpt(summary))
            self.stage(
                min(0.85, self.fraction + 0.1),
                f"{tool.replace('_', ' ').capitalize()}: {_excerpt(summary)}",
            )

    def reviewed(self, agent: str, review: Review, corrections: int) -> None:
        """Tell what was found in the draft after so many corrections; if it was refused, its text is void."""
        with self._harmless():
            scores = review.model_dump(include={"sentiment", "professionalism", "completeness", "accuracy"})
            found = {"overall": review.overall, "scores": scores, "failed": review.failed, "correction": corrections}
            self.context.emit("review", agent=agent, passed=review.passed, **found)
            self.context.note(REVIEWS, agent=agent, passed=review.passed, **found)
            self.context.measure("quality", review.overall)
            self.context.measure("corrections", corrections)

    def answered_from_cache(self, agent: str, model: str, prompt: Prompt | None = None) -> None:
        """Tell that the model of an agent need not be asked."""
        self._emit(EventType.CACHE_HIT, {"agent": agent, "model": model})
        with self.model_call(agent, model, prompt, cached=True) as call:
            call.answered(RequestUsage(0, 0), 0.0)

    def spent(self, usage: ModelUsage) -> None:
        """Note what the job has used by now, its former attempts included."""
        if usage == self._told:
            return
        self._told = usage
        with self._harmless():
            for name, value in usage:
                if getattr(self.context.usage, name, None) != value:
                    setattr(self.context.usage, name, value)

    def _emit(self, event_type: str, data: dict[str, Any]) -> None:
        with self._harmless():
            self.context.emit(event_type, **data)

    def _count(self, transfer: Transfer) -> None:
        with self._harmless():
            self._handoffs += transfer.previous is not None
            self.context.measure("handoffs", self._handoffs)

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever is wrong with a report, the customer's answer goes on
            _log.exception("report_failed")


def _shown(value: object) -> object:
    return _excerpt(value) if isinstance(value, str) else value


def _excerpt(text: str) -> str:
    """Cut a text; masked first, as half a secret would not be known as one."""
    return mask(text)[:MOST_SHOWN]
