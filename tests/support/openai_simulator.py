"""A server on a real port that speaks the Chat Completions API and the Responses API: scripted answers and faults.

Replies are taken from the script in order, one for each request, and streamed when the client asks for it; a
request beyond the script fails with status 400, which no client repeats. In place of a script there can be a rule,
which finds the answer in the request itself. Embeddings are made by a rule of their own. Every request is kept for the
test.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from tests.support.openai_replies import (
    BrokenStream,
    Calls,
    CutStream,
    Fault,
    Json,
    Refusal,
    Reply,
    Said,
    Silence,
    Text,
    call,
)
from tests.support.openai_wire import CHAT, RESPONSES, Wire

__all__ = [
    "BrokenStream",
    "Calls",
    "CutStream",
    "Fault",
    "OpenAISimulator",
    "Received",
    "Refusal",
    "Reply",
    "Said",
    "Silence",
    "Text",
    "call",
]


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    path: str
    #: By lower-case name.
    headers: dict[str, str]
    body: Json

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def by_responses(self) -> bool:
        """Whether it came in by the Responses API."""
        return self.path.endswith("/responses")

    @property
    def tools(self) -> set[str]:
        return {tool["name"] if self.by_responses else tool["function"]["name"] for tool in self.body.get("tools", [])}

    @property
    def called(self) -> list[str]:
        """The tools and outputs that were called so far in the conversation."""
        if self.by_responses:
            return [item["name"] for item in self.body["input"] if item.get("type") == "function_call"]
        calls = (call for message in self.body["messages"] for call in message.get("tool_calls") or [])
        return [call["function"]["name"] for call in calls]

    def texts(self, role: str) -> list[str]:
        """Return the text of all messages of a role."""
        messages = self.body["input" if self.by_responses else "messages"]
        return [_as_text(message.get("content")) for message in messages if message.get("role") == role]


class OpenAISimulator:
    """The server. `url` is what OPENAI_BASE_URL is set to."""

    def __init__(self) -> None:
        self.script: deque[Reply] = deque()
        self.rule: Callable[[Received], Reply] | None = None
        #: Makes the vector of a text, or fails all requests for vectors.
        self.embedding: Callable[[str], list[float]] | Fault = letters_of
        self.requests: list[Received] = []
        #: What each answer is said to have used: tokens in and out; None says nothing.
        self.usage: tuple[int, int] | None = (10, 5)
        #: Into pieces of how many bytes streams are cut, also between those of one character; None leaves them whole.
        self.piece_bytes: int | None = None
        #: Whether each connection ends with its answer, so that none is left to the loop of whoever asks.
        self.closes = False
        #: Set once a request was met with `Silence`.
        self.silent = threading.Event()
        self.ended = threading.Event()
        self.ids = count(1)
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def will(self, *replies: Reply) -> None:
        """Put replies at the end of the script."""
        self.script.extend(replies)

    @contextmanager
    def running(self) -> Iterator[OpenAISimulator]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def letters_of(text: str) -> list[float]:
    """Return a vector of a text by how often it has each letter: texts of the same words are alike."""
    return [float(text.lower().count(chr(letter))) for letter in range(ord("a"), ord("z") + 1)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, simulator: OpenAISimulator) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.simulator = simulator


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Many small writes on one connection wait for each other's acknowledgement otherwise.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet: the test has the requests."""

    def end_headers(self) -> None:
        if self.server.simulator.closes:
            self.send_header("Connection", "close")
        super().end_headers()

    def do_POST(self) -> None:
        simulator = self.server.simulator
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        simulator.requests.append(received)
        if received.path.endswith("/embeddings"):
            self._embed(simulator.embedding, received.body)
            return
        exhausted = Fault.error(400, "script_exhausted", "the simulator's script has no reply for this request")
        reply = simulator.rule(received) if simulator.rule else None
        reply = reply or (simulator.script.popleft() if simulator.script else exhausted)
        with suppress(ConnectionError):  # whoever asked may be gone: killed, or cancelled
            self._answer(reply, simulator, received)

    def _embed(self, rule: Callable[[str], list[float]] | Fault, body: Json) -> None:
        if isinstance(rule, Fault):
            self._send(rule.status, rule.body.encode(), rule.content_type, rule.headers)
            return
        texts: list[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
        vectors = [{"object": "embedding", "index": at, "embedding": rule(text)} for at, text in enumerate(texts)]
        tokens = sum(len(text.split()) for text in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        found = {"object": "list", "data": vectors, "model": body["model"], "usage": usage}
        # So that no connection is left to the loop of whoever asks.
        self._send(200, json.dumps(found).encode(), headers={"Connection": "close"})
        self.close_connection = True

    def _answer(self, reply: Reply, simulator: OpenAISimulator, received: Received) -> None:
        turn = next(simulator.ids)
        wire: Wire = RESPONSES if received.by_responses else CHAT
        match reply:
            case Fault():
                self._send(reply.status, reply.body.encode(), reply.content_type, reply.headers)
            case BrokenStream(_, code, status) if not received.streamed:
                error = Fault.error(status, code)
                self._send(status, error.body.encode())
            case Silence(text):
                if text and received.streamed:
                    self._stream(wire.opening(text, turn))
                simulator.silent.set()
                simulator.ended.wait()
                self.close_connection = True
            case CutStream(text):
                self._stream(wire.opening(text, turn))
                self.close_connection = True  # without the last chunk: the client sees the cut
            case BrokenStream(text, code):
                self._stream([*wire.opening(text, turn), *wire.error(code)])
                self.close_connection = True
            case _ if received.streamed:
                self._stream(wire.stream(reply, turn, simulator.usage))
                self.wfile.write(b"0\r\n\r\n")
            case _:
                self._send(200, json.dumps(wire.whole(reply, turn, simulator.usage)).encode())

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterable[Json | str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
            line = f"data: {data}\n\n".encode()
            size = self.server.simulator.piece_bytes or len(line)
            for at in range(0, len(line), size):
                piece = line[at : at + size]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


def _as_text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
