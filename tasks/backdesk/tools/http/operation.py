"""One operation of an API as it is declared, and the request that its arguments make of it.

A value of an argument is encoded into its place, and never changes what is around it: no more segments of a path, no
other parameters, no lines of a header.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote

from pydantic_core import to_json

from backdesk.platform.settings import read_secret
from backdesk.tools.http.address import Address, RequestRefused, read_address
from backdesk.tools.http.fetch import Asked
from backdesk.worker.errors import ConfigurationError

Place = Literal["path", "query", "header"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The argument that a body comes in.
BODY = "body"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
_HOLE = re.compile(r"\{([^{}/?#]+)\}")
#: What the connection says itself, and what would speak for another.
_OURS = re.compile(
    r"host|connection|content-(length|type|encoding)|transfer-encoding|te|trailer|upgrade|keep-alive|expect"
    r"|cookie|accept-encoding|user-agent|forwarded|x-forwarded-.*|x-real-ip|proxy-.*|x-http-method.*|idempotency-key",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Where a request has a secret, by the name of the variable, or of the file among the secrets, that holds it.

    Its value is read when it is used, and stands in no event, error or key of the cache.
    """

    secret: str
    header: str = ""
    prefix: str = ""
    parameter: str = ""

    @classmethod
    def bearer(cls, secret: str) -> ApiKey:
        """Send it as `Authorization: Bearer`."""
        return cls(secret, header="Authorization", prefix="Bearer ")

    @classmethod
    def in_header(cls, header: str, secret: str) -> ApiKey:
        """Send it as a header of its own."""
        return cls(secret, header=header)

    @classmethod
    def in_query(cls, parameter: str, secret: str) -> ApiKey:
        """Send it as a parameter of the query."""
        return cls(secret, parameter=parameter)

    def value(self) -> str:
        """Return the secret. Raises ConfigurationError, which names the variable."""
        value = read_secret(self.secret)
        if not _VALUE.fullmatch(value):
            raise ConfigurationError(f"{self.secret} holds what no header can: line ends or letters beyond ASCII")
        return value


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one argument fills: `name` is the API's, `argument` the model's. `deep` spreads an object: `name[key]`."""

    name: str
    place: Place
    argument: str
    schema: Mapping[str, Any] = field(hash=False)
    required: bool = False
    explode: bool = True
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and an address with holes, `https://api.example.com/orders/{number}`, and what fills these."""

    method: str
    url: str
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] | None = field(default=None, hash=False)
    body_required: bool = True
    definitions: Mapping[str, Any] = field(default_factory=dict, hash=False)
    fixed: Mapping[str, str] = field(default_factory=dict, hash=False)
    accept: str = "application/json"
    key: ApiKey | None = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a declaration that no request could be made of."""
        for why in self._faults():
            raise ConfigurationError(f"the operation {self.method} {self.url} {why}")

    @property
    def base(self) -> Address:
        """The address without any argument: its host is not theirs to choose."""
        return read_address(_HOLE.sub("-", self.url))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of all arguments."""
        properties: dict[str, Any] = {each.argument: dict(each.schema) for each in self.parameters}
        required = [each.argument for each in self.parameters if each.required]
        if self.body is not None:
            properties[BODY] = dict(self.body)
            required += [BODY] if self.body_required else []
        whole = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return {**whole, "$defs": dict(self.definitions)} if self.definitions else whole

    def asked(self, arguments: Mapping[str, Any], idempotency_key: str = "") -> Asked:
        """Return the request. Raises RequestRefused for a value that has no place in it, and ConfigurationError."""
        secret = self.key.value() if self.key else ""
        headers = {"Accept": self.accept, **dict(self._headers(arguments))}
        body = arguments.get(BODY) if self.body is not None else None
        if body is not None:
            headers["Content-Type"] = "application/json"
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        return Asked(
            self.method,
            read_address(self._filled(arguments)),
            headers,
            {self.key.header: self.key.prefix + secret} if self.key and self.key.header else {},
            f"{_encoded(self.key.parameter)}={_encoded(secret)}" if self.key and self.key.parameter else "",
            secret,
            None if body is None else to_json(body),
        )

    def fingerprint(self, arguments: Mapping[str, Any]) -> str:
        """Return what makes a request what it is, as text without secrets: for the cache."""
        key = [self.key.secret, self.key.header, self.key.parameter] if self.key else None
        asked = [self.method, self._filled(arguments), dict(self._headers(arguments)), self.accept, key]
        return json.dumps(asked, sort_keys=True)

    def _filled(self, arguments: Mapping[str, Any]) -> str:
        base, _, query = self.url.partition("?")
        scheme, _, rest = base.partition("://")
        host, slash, path = rest.partition("/")
        given = {each.name: arguments.get(each.argument) for each in self.parameters if each.place == "path"}
        filled = _HOLE.sub(lambda hole: _segment(hole[1], given.get(hole[1])), slash + path)
        if any(unquote(part) in {".", ".."} for part in filled.split("/")):
            raise RequestRefused("what was given leads out of the path that may be asked")
        pairs = [f"{_encoded(name)}={_encoded(value)}" for name, value in self._query(arguments)]
        whole = "&".join([query, *pairs] if query else pairs)
        return f"{scheme}://{host}{filled}{'?' if whole else ''}{whole}"

    def _query(self, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from self.fixed.items()
        for each in self.parameters:
            value = arguments.get(each.argument)
            if each.place != "query" or value is None:
                continue
            if isinstance(value, dict) and each.deep:
                yield from ((f"{each.name}[{key}]", _text(part)) for key, part in value.items())
            elif isinstance(value, list) and each.explode:
                yield from ((each.name, _text(part)) for part in value)
            else:
                yield each.name, _text(value)

    def _headers(self, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for each in self.parameters:
            value = arguments.get(each.argument)
            if each.place != "header" or value is None:
                continue
            if not _VALUE.fullmatch(text := _text(value)):
                raise RequestRefused(f"{each.argument} holds what no header can: line ends or letters beyond ASCII")
            yield each.name, text

    def _faults(self) -> Iterator[str]:
        holes = {*_HOLE.findall(self.url.partition("?")[0])}
        paths = {each.name for each in self.parameters if each.place == "path"}
        headers = [each.name for each in self.parameters if each.place == "header"]
        headers += [self.key.header] if self.key and self.key.header else []
        names = [each.argument for each in self.parameters] + ([BODY] if self.body is not None else [])
        if self.method not in METHODS:
            yield f"must have a method of {', '.join(METHODS)}"
        before, _, query = self.url.partition("?")
        scheme, _, rest = before.partition("://")
        host, _, path = rest.partition("/")
        if re.search(r"[{}#]", scheme + host + query + _HOLE.sub("", path)):
            yield "must have its holes, as {number}, in the path alone"
        if holes != paths:
            yield f"must declare what fills its path, and no more: {', '.join(sorted(holes ^ paths))}"
        if wrong := [name for name in headers if not _TOKEN.fullmatch(name) or _OURS.fullmatch(name)]:
            yield f"must not set the header {wrong[0]!r}"
        if self.method == "GET" and self.body is not None:
            yield "is a GET and has no body"
        if twice := [name for name in names if names.count(name) > 1]:
            yield f"has two arguments named {twice[0]!r}"
        try:
            _ = self.base
        except RequestRefused as error:
            yield f"is at no address: {error}"


def _segment(name: str, value: Any) -> str:
    text = _text(value) if value is not None else ""
    # As servers see it that decode twice, or take letters for those that they look like.
    meant = unicodedata.normalize("NFKC", unquote(unquote(text)))
    begins = meant.partition(";")[0].strip()
    if not meant.isprintable() or re.search(r"[/\\]", meant) or begins in {"", ".", ".."}:
        raise RequestRefused(f"{name} must be one part of a path, without a slash: {text[:80]!r} is none")
    return _encoded(text)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case list():
            return ",".join(map(_text, value))
        case _:
            return json.dumps(value, ensure_ascii=False)


def _encoded(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise RequestRefused("what was given has half a character in it") from None
