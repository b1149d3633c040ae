"""A model for the benchmark of agents, as cheap as a server can be: `python -m benchmarks.chat_server`.

Speaks as much of the OpenAI API as a chat completion takes, and answers at once: a conversation that ends with the
result of a tool by a text, any other by a call of its first tool. Prints its address.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.child import ROOT, Child

_END_OF_HEAD = b"\r\n\r\n"


@contextmanager
def chat_server() -> Iterator[str]:
    """Run the model for the length of the block; gives its address, which ends in `/v1`."""
    with Child([sys.executable, "-m", "benchmarks.chat_server"], {"PYTHONPATH": str(ROOT)}) as child:
        yield child.answer()["url"] + "/v1"


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(_END_OF_HEAD)) >= 0:
            whole = end + len(_END_OF_HEAD) + _length(self._received[:end])
            if len(self._received) < whole:
                return
            request, self._received = self._received[:whole], self._received[whole:]
            self._transport.write(_ANSWER if b'"role":"tool"' in request.replace(b'": "', b'":"') else _CALL)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


def _completion(message: dict[str, Any], finish_reason: str) -> bytes:
    choices = [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}]
    about = {"id": "bench", "object": "chat.completion", "created": 1, "model": "bench"}
    usage = {"prompt_tokens": 120, "completion_tokens": 20, "total_tokens": 140}
    body = json.dumps({**about, "choices": choices, "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


_FUNCTION = {"name": "find_order", "arguments": '{"order_id": "10003"}'}
_CALL = _completion(
    {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": _FUNCTION}]}, "tool_calls"
)
_ANSWER = _completion({"content": "Your order 10003 was shipped on Monday and arrives on Thursday."}, "stop")


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
