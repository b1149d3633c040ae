"""The conversations of clients that keep them by an id of theirs, and ask for them again when a page is loaded anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from backdesk.client.operations.operation import Command, Commands, Operation
from backdesk.gateway.access.caller import Caller, Scope
from backdesk.gateway.dialects.asks import answer, open_asks
from backdesk.gateway.dialects.following import parts_so_far
from backdesk.gateway.dialects.messages import Turn, request_of
from backdesk.gateway.service import Gateway
from backdesk.gateway.turns import Asked, Part
from backdesk.worker.errors import InvalidRequest, JobNotFound
from backdesk.worker.memory.conversation import check_conversation_id
from backdesk.worker.model.asks import APPROVE, DENY, Ask, AskType
from backdesk.worker.model.chat import Chat
from backdesk.worker.model.contract import KindContract
from backdesk.worker.model.job import JobRecord, JobState

#: Jobs of a thread that are found again, at most; and how many of the newest are looked at.
MOST_KEPT, MOST_READ = 100, 20
#: Under this key of a job's metadata is kept by which message and which run it was asked for.
KEPT = "backdesk.thread"


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to an ask: resolved by a payload, or called off. A payload is a decision, or an object that has one."""

    ask: str
    resolved: bool
    payload: Any = None

    def decision(self, ask: Ask) -> str | None:
        """Return what is decided; None for a question that is called off: nobody will answer it."""
        if not self.resolved:
            return None if ask.type is AskType.QUESTION else DENY
        told = self.payload
        if isinstance(told, Mapping):
            told = next((told[name] for name in ("decision", "answer", "approved") if name in told), None)
        if isinstance(told, bool) or (told is None and ask.type is AskType.APPROVAL):
            return DENY if told is False else APPROVE
        if not isinstance(told, str):
            raise InvalidRequest("payload", "must be a text, or an object with `approved`, `decision` or `answer`")
        return told

    @property
    def note(self) -> str:
        """What was remarked."""
        told = self.payload.get("note") if isinstance(self.payload, Mapping) else None
        return told if isinstance(told, str) else ""


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation with a kind, of the caller's tenant: to another tenant the same id names another one.

    Raises InvalidRequest for an id that cannot be one, or a kind that is no chat.
    """

    gateway: Gateway
    caller: Caller
    contract: KindContract
    id: str

    @classmethod
    async def of(cls, gateway: Gateway, caller: Caller, kind: str, id_: str) -> Thread:
        """Return a thread; it need not have begun. Raises UnknownKind as well."""
        contract = await gateway.exchange.kind(caller, kind)
        if contract.chat is None:
            raise InvalidRequest("kind", f"{kind!r} is no chat: submit its jobs by POST /v1/jobs")
        return cls(gateway, caller, contract, check_conversation_id(id_))

    @property
    def chat(self) -> Chat:
        """How the kind is talked to."""
        assert self.contract.chat is not None  # noqa: S101 - looked at when it was made
        return self.contract.chat

    async def jobs(self) -> list[JobRecord]:
        """Return its newest jobs that are still there, the newest first."""
        (ids,) = await self.gateway.client.do(_do([("ZREVRANGE", self._key, 0, MOST_READ - 1)]))
        records = await asyncio.gather(*(self._record(each.decode()) for each in ids))
        return [each for each in records if each is not None and each.kind == self.contract.kind]

    async def submit(
        self, job_id: str, turn: Turn, fields: Mapping[str, Any], *, key: str, message: str, run: str = ""
    ) -> JobRecord:
        """Write a job that answers a turn; the same key finds the same job. `message` is the client's id of it."""
        named = self.id if self.chat.conversation is not None else None
        request = request_of(self.contract, turn, named, fields, param="messages")
        await self._note(job_id)
        job = await self.gateway.exchange.submit(
            self.caller,
            self.contract.kind,
            request,
            job_id=job_id,
            conversation_id=self.id,
            idempotency_key=key,
            metadata={KEPT: {"message": message, "run": run}},
        )
        return await self.gateway.exchange.record(self.caller, job.id)

    async def parts(self, record: JobRecord) -> list[Part]:
        """Return the parts of a job's turn as far as it is."""
        return await parts_so_far(self.gateway.exchange, record, self.chat)

    async def stop(self) -> None:
        """End all of it that goes on. Idempotent."""
        self.caller.demand(Scope.SUBMIT)
        for record in await self.jobs():
            if not record.done:
                await self.gateway.exchange.cancel(self.caller, record.id)

    async def give(self, record: JobRecord, given: Iterable[Given]) -> None:
        """Answer what a job asks; what has its answer is passed over, so that a repeat does no harm."""
        asks = {each.name: each for each in open_asks(record)}
        for each in given:
            if (ask := asks.get(each.ask)) is None:
                continue
            decision = each.decision(ask)
            if decision is None:
                await self.gateway.exchange.cancel(self.caller, record.id, f"{ask.name!r} was not to be answered")
                return
            await answer(self.gateway.exchange, self.caller, record.id, ask, decision, note=each.note)

    @property
    def _key(self) -> str:
        return self.gateway.client.core.keys.thread(self.caller.tenant_of(None), self.id)

    async def _note(self, job_id: str) -> None:
        """Have a job found again. Done before it is written: one that never was is passed over."""
        settings = self.gateway.client.core.settings
        now_ms = int(time.time() * 1000)
        commands: list[Command] = [
            ("ZADD", self._key, "NX", now_ms, job_id),
            ("ZREMRANGEBYRANK", self._key, 0, -MOST_KEPT - 1),
            ("EXPIRE", self._key, max(settings.retention_s, settings.succeeded_retention_s)),
        ]
        await self.gateway.client.do(_do(commands))

    async def _record(self, job_id: str) -> JobRecord | None:
        with suppress(JobNotFound):
            return await self.gateway.exchange.record(self.caller, job_id)
        return None


def kept(record: JobRecord) -> Mapping[str, Any]:
    """Return by which message and run a job was asked for."""
    told = record.metadata.get(KEPT)
    return told if isinstance(told, Mapping) else {}


def runs_begun(record: JobRecord, parts: Iterable[Part]) -> int:
    """Return the number of the run that a job is in, from 1: each ends when people are asked something."""
    ended = sum(isinstance(part, Asked) and bool(part.asks) for part in parts)
    return ended if record.state is JobState.WAITING and open_asks(record) else ended + 1


def _do(commands: list[Command]) -> Operation[list[Any]]:
    return (yield Commands(commands))
