"""An event loop for one check, of which nothing keeps the process from ending: not even a look-up that hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from backdesk.platform.dependency import Unfit

T = TypeVar("T")


def run_checking(check: Coroutine[Any, Any, T], within_s: float) -> T:
    """Run a coroutine to its end. Raises what it raises, and Unfit when it takes too long. Blocks."""

    async def bounded() -> T:
        asyncio.get_running_loop().set_default_executor(_DaemonThreads())
        async with asyncio.timeout(within_s):
            return await check

    try:
        return asyncio.run(bounded())
    except TimeoutError:
        raise Unfit(f"did not answer within {within_s:g} s", "see that it runs and can be reached from here") from None


class _DaemonThreads(ThreadPoolExecutor):
    """A thread for each call; at its exit the process waits for those of the usual executor."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        threading.Thread(target=_fill, args=(future, fn, args, kwargs), daemon=True).start()
        return future


def _fill(future: Future[T], fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001 - for whoever awaits it
        future.set_exception(error)
