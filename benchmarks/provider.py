"""A provider of models for the benchmarks: `python -m benchmarks.provider MIN_S MAX_S MIN_TOKENS MAX_TOKENS`.

Speaks as much of the OpenAI API as one chat completion needs, and notes of each request when it came, when it was
answered, its tokens and its status. It limits nothing: what came too soon shows in its notes. Prints its address.

POST /fail makes it fail from then on: every other request is answered with 503, the others' connections are closed;
those it works on already end like that, too. POST /heal ends that, GET /notes returns all notes.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child import Child, MeasurementFailed

FAILS_AFTER_S = 0.05


@dataclass(frozen=True, slots=True)
class Note:
    """One request. Times in seconds since 1970; `answered_s` is None while it is being worked on."""

    came_s: float
    answered_s: float | None
    tokens: int
    status: int | None


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider as those see it who measure."""

    url: str

    def fail(self) -> float:
        """Make it fail; returns since when."""
        return float(self._ask("/fail", b"")["at"])

    def heal(self) -> float:
        """Make it answer again; returns since when."""
        return float(self._ask("/heal", b"")["at"])

    def notes(self) -> list[Note]:
        """Return what it has noted, by arrival."""
        return [Note(*note) for note in self._ask("/notes", None)]

    def _ask(self, path: str, body: bytes | None) -> Any:
        with urllib.request.urlopen(self.url + path, body, timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)


@contextmanager
def provider(latency_s: tuple[float, float], tokens: tuple[int, int]) -> Iterator[Provider]:
    """Run a provider for the length of the block; its answers take a time and use tokens from these ranges."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.provider", *map(str, (*latency_s, *tokens))]
    root = str(Path(__file__).resolve().parents[1])
    with Child(command, {"PYTHONPATH": root}) as child:
        answer = child.answer()
        if "url" not in answer:
            raise MeasurementFailed("the provider has no address")
        yield Provider(answer["url"])


class _Simulator:
    def __init__(self, latency_s: tuple[float, float], tokens: tuple[int, int]) -> None:
        self._latency_s, self._tokens = latency_s, tokens
        # The same run for run.
        self._random = random.Random(1)
        self._fails = False
        self._notes: list[list[float | int | None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                await reader.readexactly(_length(head))
                answer = await self._completion() if path.endswith("/completions") else (200, self._control(path))
                if answer is None:
                    break
                writer.write(_http(*answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side is gone
        finally:
            writer.close()

    def _control(self, path: str) -> Any:
        if path == "/notes":
            return self._notes
        self._fails = path == "/fail"
        return {"at": time.time()}

    async def _completion(self) -> tuple[int, Any] | None:
        """Return status and body; None closes the connection."""
        tokens = self._random.randint(*self._tokens)
        note: list[float | int | None] = [time.time(), None, tokens, None]
        number = len(self._notes)
        self._notes.append(note)
        await asyncio.sleep(FAILS_AFTER_S if self._fails else self._random.uniform(*self._latency_s))
        note[1], note[3] = time.time(), 503 if self._fails else 200
        if not self._fails:
            return 200, _answer(number, tokens)
        return None if number % 2 else (503, {"error": {"message": "overloaded", "type": "server_error"}})


def _answer(number: int, tokens: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Done."}
    usage = {"prompt_tokens": tokens - tokens // 4, "completion_tokens": tokens // 4, "total_tokens": tokens}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    about = {"id": f"bench-{number}", "object": "chat.completion", "created": 1, "model": "bench"}
    return {**about, "choices": choices, "usage": usage}


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _http(status: int, body: Any) -> bytes:
    content = json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )


async def main() -> None:
    """Serve until the process is ended."""
    fastest, slowest, least, most = sys.argv[1:5]
    simulator = _Simulator((float(fastest), float(slowest)), (int(least), int(most)))
    server = await asyncio.start_server(simulator.serve, "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
