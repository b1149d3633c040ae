"""What kinds tell agents to do, and what jobs have sent to models because of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backdesk.client.operations.jobs import JobOperations
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.events import EventType, JobEvent
from backdesk.worker.model.prompt import KindPrompt
from backdesk.worker.model.sent import SentRequest, read_sent, texts_named
from backdesk.worker.store.log import sent_commands, sent_requests
from backdesk.worker.text.packing import unpacked

Prompts = list[KindPrompt]
SentRequests = list[SentRequest]


def _not_kept(found: SentRequests, events: Iterable[JobEvent]) -> Iterator[SentRequest]:
    """Return what the log tells of requests that were made besides; not of answers from the cache."""
    called = {event.data["call_id"]: event.data for event in events if event.type == EventType.MODEL_CALLED}
    answered = {event.data["call_id"]: event.data for event in events if event.type == EventType.MODEL_RETURNED}
    for call_id in called.keys() - {each.call_id for each in found}:
        if answered.get(call_id, {}).get("cached"):
            continue
        facts = {name: called[call_id].get(name) for name in ("agent", "model", "prompt")}
        attempt = int(call_id.partition(".")[0])
        yield SentRequest(attempt=attempt, call_id=call_id, **facts, missing="what was sent is not kept")


def _place(request: SentRequest) -> tuple[int, int]:
    attempt, _, number = request.call_id.partition(".")
    return int(attempt), int(number)


class PromptOperations:
    """The operations that read prompts."""

    def __init__(self, core: JobOperations) -> None:
        self._core = core

    def of_kind(self, kind: str) -> Operation[Prompts]:
        """Return the prompts that workers have announced for a kind, with their texts; raises UnknownKind."""
        contracts = {each.kind: each for each in (yield from self._core.kinds())}
        if kind not in contracts:
            raise UnknownKind(kind, sorted(contracts))
        announced = contracts[kind].prompts
        texts = yield from self._texts({each.text for each in announced})
        return [KindPrompt(**each.model_dump(), instructions=texts.get(each.text)) for each in announced]

    def sent(self, job_id: str) -> Operation[SentRequests]:
        """Return the requests of a job to models, in their order; raises JobNotFound."""
        keys = self._core.keys
        here, *replies = yield Commands([("EXISTS", keys.job(job_id)), *sent_commands(keys, job_id)])
        requests = sent_requests(*replies) if here else (yield from self._core.archived.demand(job_id)).sent()
        found = read_sent(requests, (yield from self._texts(texts_named(requests))))
        _, events = yield from self._core.log(job_id)
        return sorted([*found, *_not_kept(found, events)], key=_place)

    def _texts(self, digests: Iterable[str]) -> Operation[dict[str, str]]:
        wanted = sorted(digests)
        if not wanted:
            return {}
        found = yield Commands([("GET", self._core.keys.text(digest)) for digest in wanted])
        return {digest: unpacked(text).decode() for digest, text in zip(wanted, found, strict=True) if text}
