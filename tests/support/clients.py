"""The blocking and the asyncio client behind one face, so that one specification holds for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any, Self, cast

from backdesk.client import AsyncJobClient, JobClient, JobEvent
from backdesk.client.blocking.watch import Watch
from backdesk.worker.model.contract import RequestCheck
from backdesk.worker.settings import Settings

#: The two are one text, so that what is said of the asyncio one is to hold for both.
Client = AsyncJobClient


class InThread:
    """The blocking client, a group of it or a job, with the face of the asyncio one: each call in a thread."""

    def __init__(self, behind: Any) -> None:
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.behind, name)
        if name == "watch":
            return lambda *args, **options: WatchInThread(value(*args, **options))
        return partial(_call, value) if callable(value) else _faced(value)


class WatchInThread:
    """The blocking watch with the face of the asyncio one."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._watch.__enter__)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.close()

    async def __aiter__(self) -> AsyncIterator[JobEvent]:
        events = iter(self._watch)
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event


async def _call(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return _faced(await asyncio.to_thread(method, *args, **options))


def _faced(value: Any) -> Any:
    if isinstance(value, list):
        return [_faced(each) for each in value]
    return InThread(value) if type(value).__module__.startswith("backdesk.client.blocking") else value


def blocking(settings: Settings, checks: Mapping[str, RequestCheck] | None) -> Client:
    return cast("Client", InThread(JobClient(settings=settings, checks=checks)))


def on_a_loop(settings: Settings, checks: Mapping[str, RequestCheck] | None) -> Client:
    return AsyncJobClient(settings=settings, checks=checks)


def behind(client: Client) -> JobClient | AsyncJobClient:
    """Return the very client, whichever it is."""
    return client.behind if isinstance(client, InThread) else client


KINDS_OF_CLIENT: dict[str, Callable[[Settings, Mapping[str, RequestCheck] | None], Client]] = {
    "blocking": blocking,
    "asyncio": on_a_loop,
}

#: One of them: they are one text, and what differs is how requests are sent.
KINDS_OVER_HTTP: dict[str, Callable[[str], Client]] = {"asyncio-http": AsyncJobClient}
