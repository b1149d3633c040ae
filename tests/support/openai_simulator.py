"""A server on a real port that speaks the Chat Completions API: scripted answers and faults.

Replies are taken from the script in order, one for each request, and streamed when the client asks for it; a
request beyond the script fails with status 400, which no client repeats. In place of a script there can be a rule,
which finds the answer in the request itself. Every request is kept for the test.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """Answer with text, which may be cut off at the limit of its length."""

    text: str
    cut_off: bool = False


@dataclass(frozen=True)
class Calls:
    """Call tools, all in one reply: names with arguments; a string is sent as it is."""

    calls: tuple[tuple[str, Json | str], ...]


@dataclass(frozen=True)
class Fault:
    """Answer with an error status, or with a body that is no answer at all."""

    status: int
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @classmethod
    def error(cls, status: int, code: str, message: str = "simulated", **headers: str) -> Fault:
        """Make an error in the provider's format; `retry_after` becomes the header Retry-After."""
        body = json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}})
        return cls(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True)
class CutStream:
    """Stream the first words and then drop the connection."""

    text: str


@dataclass(frozen=True)
class Silence:
    """Accept the request and never answer; the simulator's end releases it."""


Reply = Text | Calls | Fault | CutStream | Silence


def call(name: str, **args: object) -> Calls:
    """Call one tool."""
    return Calls(((name, args),))


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
    def tools(self) -> set[str]:
        return {tool["function"]["name"] for tool in self.body.get("tools", [])}

    @property
    def called(self) -> list[str]:
        """The tools and outputs that were called so far in the conversation."""
        calls = (call for message in self.body["messages"] for call in message.get("tool_calls") or [])
        return [call["function"]["name"] for call in calls]

    def texts(self, role: str) -> list[str]:
        """Return the text of all messages of a role."""
        return [_as_text(message.get("content")) for message in self.body["messages"] if message["role"] == role]


class OpenAISimulator:
    """The server. `url` is what OPENAI_BASE_URL is set to."""

    def __init__(self) -> None:
        self.script: deque[Reply] = deque()
        self.rule: Callable[[Received], Reply] | None = None
        self.requests: list[Received] = []
        #: What each answer is said to have used: tokens in and out; None says nothing.
        self.usage: tuple[int, int] | None = (10, 5)
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

    def do_POST(self) -> None:
        simulator = self.server.simulator
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        simulator.requests.append(received)
        exhausted = Fault.error(400, "script_exhausted", "the simulator's script has no reply for this request")
        reply = simulator.rule(received) if simulator.rule else None
        reply = reply or (simulator.script.popleft() if simulator.script else exhausted)
        with suppress(ConnectionError):  # whoever asked may be gone: killed, or cancelled
            self._answer(reply, simulator, received.streamed)

    def _answer(self, reply: Reply, simulator: OpenAISimulator, streamed: bool) -> None:
        match reply:
            case Fault():
                self._send(reply.status, reply.body.encode(), reply.content_type, reply.headers)
            case Silence():
                simulator.silent.set()
                simulator.ended.wait()
                self.close_connection = True
            case CutStream(text):
                self._begin_stream()
                self._event(_chunk(0, {"role": "assistant", "content": text}))
                self.close_connection = True  # without the last chunk: the client sees the cut
            case Text() | Calls() if streamed:
                self._stream(reply, next(simulator.ids))
            case Text() | Calls():
                completion = _completion(reply, next(simulator.ids)) | _usage(simulator.usage)
                self._send(200, json.dumps(completion).encode())

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

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, data: Json | str) -> None:
        line = f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _stream(self, reply: Text | Calls, turn: int) -> None:
        self._begin_stream()
        for delta in _deltas(reply, turn):
            self._event(_chunk(turn, delta))
        self._event(_chunk(turn, {}, _finish(reply)))
        self._event(_chunk(turn, None) | _usage(self.server.simulator.usage))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")


def _deltas(reply: Text | Calls, turn: int) -> Iterator[Json]:
    yield {"role": "assistant", "content": None}
    if isinstance(reply, Text):
        for word in reply.text.split(" "):
            yield {"content": word if reply.text.startswith(word) else f" {word}"}
        return
    for index, tool_call in enumerate(_tool_calls(reply, turn)):
        function, half = tool_call["function"], len(tool_call["function"]["arguments"]) // 2
        first, second = function["arguments"][:half], function["arguments"][half:]
        head = {**tool_call, "index": index, "function": {"name": function["name"], "arguments": first}}
        yield {"tool_calls": [head]}
        yield {"tool_calls": [{"index": index, "function": {"arguments": second}}]}


def _chunk(turn: int, delta: Json | None, finish: str | None = None) -> Json:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": f"sim-{turn}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "sim",
        "choices": choices,
    }


def _completion(reply: Text | Calls, turn: int) -> Json:
    message: Json = {"role": "assistant", "content": reply.text if isinstance(reply, Text) else None}
    if isinstance(reply, Calls):
        message["tool_calls"] = _tool_calls(reply, turn)
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
    return {
        "id": f"sim-{turn}",
        "object": "chat.completion",
        "created": 1,
        "model": "sim",
        "choices": [choice],
    }


def _finish(reply: Text | Calls) -> str:
    if isinstance(reply, Calls):
        return "tool_calls"
    return "length" if reply.cut_off else "stop"


def _tool_calls(reply: Calls, turn: int) -> list[Json]:
    return [
        {
            "id": f"call_{turn}_{index}",
            "type": "function",
            "function": {"name": name, "arguments": args if isinstance(args, str) else json.dumps(args)},
        }
        for index, (name, args) in enumerate(reply.calls)
    ]


def _usage(usage: tuple[int, int] | None) -> Json:
    if usage is None:
        return {}
    into, out = usage
    return {"usage": {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}}


def _as_text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
