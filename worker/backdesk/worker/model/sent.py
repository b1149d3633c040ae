"""What a job has sent to models: each request as it went out, kept small, with what is secret masked.

A request is kept with what is new in it. A message that the same attempt has sent before is its number; the tools, and
the words with which the instructions of every job begin, are texts of the deployment, kept once under their digest.
Each is compressed by what zlib finds in those before it of its attempt: an entry is a byte for the format, the number
of the attempt, a blank, and raw deflate.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from backdesk.worker.text.masking import mask, masked, may_hold_secrets
from backdesk.worker.text.personal import impersonal

#: The fields of a request in which its messages are, by either API.
_MESSAGES = ("messages", "input")
#: Texts that are shorter are not worth a key of their own.
_LEAST_SHARED = 200
#: A request of more bytes as JSON is told of without its body.
_LARGEST = 1_000_000
#: Images and files within messages: what is shown of them is their length and digest.
_DATA = re.compile(rb"[A-Za-z0-9+/=_-]{1000,}")
#: How much of the requests before it zlib looks through, in bytes.
_LOOKS_BACK = 4096
#: What zlib finds in every request. Another text needs another first byte, as what is kept was written with this one.
_FORMAT = b"\x01"
_USUAL = (
    b'"function":{"arguments":"{\\"question\\":\\"to\\":\\"reason\\":\\"order_id\\":\\"name":"hand_over"ask_customer'
    b'"tool_calls":[{"id":"call_"type":"function"}]},{"role":"tool","tool_call_id":"call_","content":"{\\"'
    b'"temperature":0,"max_completion_tokens":"tool_choice":"auto","required","stream":true,"stream_options":'
    b'{"include_usage":true}},"messages":[{"role":"system","content":{"text":"","rest":"\\n\\nToday is 2026-. You '
    b'serve the customer "}},{"role":"user","content":"},{"role":"assistant","content":null,"tools":{"text":"'
    b'{"call":"1.","agent":"","model":"","prompt":"","known":0,"body":{"model":"'
)

#: Takes what is to be kept of a request, and the texts that it names by digest.
Keep = Callable[[bytes, Mapping[str, str]], None]
#: A request with what is new in it alone, JSON: what an entry holds.
Sent = dict[str, Any]


class SentRequest(BaseModel):
    """A request to a model. `call_id` is that of its events, and `prompt` the hash of its agent's instructions."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    call_id: str
    agent: str
    model: str
    prompt: str | None = None
    #: As it was sent, but for masks and for long data; None where it is not kept.
    body: dict[str, Any] | None = None
    #: What of it is not kept any more, or never was.
    missing: str | None = None


@lru_cache(maxsize=128)
def digest_of(text: str) -> str:
    """Return the first twelve hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class SentLog:
    """The requests of one attempt, in their order."""

    def __init__(self, keep: Keep, *, masks: bool = False) -> None:
        """With `masks` what names persons and accounts is masked, too."""
        self._keep = keep
        self._masks = masks
        self._past = b""
        self._known: dict[bytes, int] = {}

    def add(
        self, call_id: str, body: Mapping[str, Any], *, agent: str, model: str, prompt: str | None, shared: str
    ) -> None:
        """Keep a request, JSON. `shared` is how the instructions of all such requests begin, "" if they do not."""
        texts: dict[str, str] = {}
        entry: dict[str, Any] = {"call": call_id, "agent": agent, "model": model, "prompt": prompt}
        known = len(self._known)
        short = {name: self._short(name, value, shared, texts) for name, value in body.items()}
        encoded = to_json(entry | {"known": known, "body": short}, fallback=str)
        if len(encoded) > _LARGEST:
            self._known = dict([*self._known.items()][:known])
            encoded, texts = to_json(entry | {"known": known, "body": None}), {}
        self._keep(_FORMAT + call_id.partition(".")[0].encode() + b" " + _packed(encoded, self._past), texts)
        self._past = _later(self._past, encoded)

    def _short(self, name: str, value: Any, shared: str, texts: dict[str, str]) -> Any:
        if name in _MESSAGES and isinstance(value, list):
            return [self._message(each, shared, texts) for each in value]
        if name == "tools" and value:
            text = to_json(value, fallback=str).decode()
            return _named(text, texts)
        if name == "instructions":
            return _without_shared(value, shared, texts)
        return self._clean(value) if isinstance(value, str | list | dict) else value

    def _message(self, message: Any, shared: str, texts: dict[str, str]) -> Any:
        if isinstance(message, dict) and message.get("role") in ("system", "developer"):
            message = {**message, "content": _without_shared(message.get("content"), shared, texts)}
        encoded = to_json(message, fallback=str)
        if (number := self._known.get(encoded)) is not None:
            return number
        self._known[encoded] = len(self._known)
        return self._clean(message, encoded)

    def _clean(self, value: Any, encoded: bytes | None = None) -> Any:
        kept = _clean(value, encoded)
        return impersonal(kept) if self._masks else kept


def unpack_sent(entries: Iterable[bytes]) -> list[Sent]:
    """Return requests as `SentLog` has kept them, in their order; those that cannot be read left out."""
    past: dict[bytes, bytes] = {}
    found: list[Sent] = []
    for entry in entries:
        attempt, _, deflated = entry.removeprefix(_FORMAT).partition(b" ")
        try:
            encoded = zlib.decompressobj(-13, _dictionary(past.get(attempt, b""))).decompress(deflated)
            found.append(from_json(encoded))
        except (zlib.error, ValueError):
            encoded = b""
        past[attempt] = _later(past.get(attempt, b""), encoded)
    return found


def texts_named(requests: Iterable[Sent]) -> set[str]:
    """Return the digests of the texts without which requests cannot be read."""
    return {each["text"] for request in requests for each in _references(request["body"] or {})}


def read_sent(requests: Iterable[Sent], texts: Mapping[str, str]) -> list[SentRequest]:
    """Return requests as they were sent, given the texts that there are of those that they name."""
    said: dict[int, list[Any]] = {}
    read: list[SentRequest] = []
    for its in requests:
        attempt = int(its["call"].partition(".")[0])
        read.append(_request(its, attempt, said.setdefault(attempt, []), texts))
    return read


def _request(its: Sent, attempt: int, said: list[Any], texts: Mapping[str, str]) -> SentRequest:
    facts = {"attempt": attempt, "call_id": its["call"], **{name: its[name] for name in ("agent", "model", "prompt")}}
    if its["body"] is None:
        return SentRequest(**facts, missing="it was too large to be kept")
    gone = sorted({each["text"] for each in _references(its["body"])} - texts.keys())
    whole = its["known"] == len(said)
    body = {name: _long(name, value, said, texts) for name, value in its["body"].items()}
    if not whole:
        return SentRequest(**facts, missing="a request before it, of which it repeats a part, is not kept")
    missing = f"texts that are no longer kept: {', '.join(gone)}" if gone else None
    return SentRequest(**facts, body=body, missing=missing)


def _long(name: str, value: Any, said: list[Any], texts: Mapping[str, str]) -> Any:
    if name in _MESSAGES and isinstance(value, list):
        return [_said(each, said, texts) for each in value]
    if name == "tools" and isinstance(value, dict):
        text = texts.get(value["text"])
        return from_json(text) if text is not None else [f"[{value['text']}]"]
    return _with_shared(value, texts) if name == "instructions" else value


def _said(message: Any, said: list[Any], texts: Mapping[str, str]) -> Any:
    if isinstance(message, int):
        return said[message] if message < len(said) else None
    if isinstance(message, dict) and "content" in message:
        message = {**message, "content": _with_shared(message["content"], texts)}
    said.append(message)
    return message


def _references(body: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    contents = [each.get("content") for name in _MESSAGES for each in body.get(name) or () if isinstance(each, dict)]
    for value in (body.get("tools"), body.get("instructions"), *contents):
        if isinstance(value, dict) and "text" in value:
            yield value


def _without_shared(value: Any, shared: str, texts: dict[str, str]) -> Any:
    if not (isinstance(value, str) and len(shared) >= _LEAST_SHARED and value.startswith(shared)):
        return value
    return {**_named(shared, texts), "rest": value[len(shared) :]}


def _with_shared(value: Any, texts: Mapping[str, str]) -> Any:
    if not isinstance(value, dict):
        return value
    return texts.get(value["text"], f"[{value['text']}]") + value["rest"]


def _named(text: str, texts: dict[str, str]) -> dict[str, str]:
    digest = digest_of(text)
    texts[digest] = text
    return {"text": digest}


def masked_text(text: str) -> str:
    """Return a text of the deployment as it may be kept: prose, or the JSON of tools."""
    if not may_hold_secrets(text.encode("utf-8", "replace")):
        return text
    return to_json(masked(from_json(text))).decode() if text.startswith("[") else mask(text)


def _clean(value: Any, encoded: bytes | None = None) -> Any:
    """Return JSON without secrets and long data."""
    encoded = to_json(value, fallback=str) if encoded is None else encoded
    short = _DATA.sub(_told, encoded) if len(encoded) > 1000 else encoded
    if may_hold_secrets(short):
        return masked(from_json(short))
    return value if short is encoded else from_json(short)


def _told(found: re.Match[bytes]) -> bytes:
    return b"[%d characters, sha256 %s]" % (len(found[0]), hashlib.sha256(found[0]).hexdigest()[:12].encode())


def _packed(encoded: bytes, past: bytes) -> bytes:
    compress = zlib.compressobj(4, zlib.DEFLATED, -13, 6, zlib.Z_DEFAULT_STRATEGY, _dictionary(past))
    return compress.compress(encoded) + compress.flush()


def _dictionary(past: bytes) -> bytes:
    return _USUAL + past


def _later(past: bytes, encoded: bytes) -> bytes:
    return (past + encoded)[-_LOOKS_BACK:]
