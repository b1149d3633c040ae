"""A provider of search that is asked over HTTP and answers in JSON: by settings, whichever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from pydantic_core import from_json

from backdesk.agents.desk import Desk
from backdesk.platform.dependency import Dependency
from backdesk.platform.guarded_network import Resolve, resolve
from backdesk.tools.http.address import RequestRefused
from backdesk.tools.http.caller import Caller
from backdesk.tools.http.checking import api_dependency
from backdesk.tools.http.guard import Guard
from backdesk.tools.http.operation import ApiKey, Operation, Parameter
from backdesk.tools.http.tool import JSON_TYPES, guard_of
from backdesk.tools.web.search import Hit
from backdesk.worker.errors import TaskError
from backdesk.worker.failure import Category

#: Of what was found so much is told. Characters.
MOST_TITLE, MOST_SNIPPET = 200, 500
_TAG = re.compile(r"<[^<>]{0,200}>")


@dataclass(frozen=True, slots=True)
class JsonSearch:
    """Asks `url` with the question as the parameter `query`, and reads what is at the path `results` of its answer.

    `fields` says how it calls `title`, `url`, `snippet` and `date`, by paths with dots; `fixed` is always sent. Raises
    ConfigurationError for an address that is none.
    """

    url: str
    query: str = "q"
    results: str = "results"
    fields: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    key: ApiKey | None = None
    ttl_s: float = 600.0
    private: bool = False
    resolve: Resolve = resolve
    _operation: Operation = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read the address."""
        asked = Parameter(self.query, "query", "query", {"type": "string"}, required=True)
        operation = Operation("GET", self.url, (asked,), fixed=self.fixed, key=self.key)
        object.__setattr__(self, "_operation", operation)

    @property
    def dependency(self) -> Dependency:
        """What is asked."""
        return api_dependency("web search", [(self._operation, self._guard)])

    @property
    def _guard(self) -> Guard:
        return guard_of(
            self._operation, hosts=(), ports=(), types=JSON_TYPES, private=self.private, resolve=self.resolve
        )

    @classmethod
    def searxng(cls, url: str, **more: Any) -> JsonSearch:
        """Ask an instance of SearXNG, `https://search.example.com`, which must serve the format JSON."""
        named = {"snippet": "content", "date": "publishedDate"}
        return cls(f"{url.rstrip('/')}/search", fields=named, fixed={"format": "json"}, **more)

    async def search(self, desk: Desk, query: str, count: int) -> Sequence[Hit]:
        """Return the first `count` of what is found. Raises RequestRefused and TaskError."""
        arguments = {"query": query}
        asked, fingerprint = self._operation.asked(arguments), self._operation.fingerprint(arguments)
        found, _ = await Caller(self._guard, ttl_s=self.ttl_s).call(desk, asked, fingerprint)
        if found.status >= 400:
            raise RequestRefused(f"the search does not take that: {asked.address.host} answered {found.status}")
        try:
            results = _at(from_json(found.body), self.results)
        except ValueError:
            results = None
        if not isinstance(results, list):
            message = f"{asked.address.host} has no list of results at {self.results!r}"
            raise TaskError("search_unreadable", message, category=Category.DATA_CORRUPTION)
        return [*self._hits(results)][:count]

    def _hits(self, results: list[Any]) -> Iterator[Hit]:
        for each in results:
            told = {name: _at(each, self.fields.get(name, name)) for name in ("title", "url", "snippet", "date")}
            url = told["url"]
            if isinstance(url, str) and url.startswith(("https://", "http://")):
                yield Hit(
                    title=_plain(told["title"])[:MOST_TITLE],
                    url=url[:2_000],
                    snippet=_plain(told["snippet"])[:MOST_SNIPPET],
                    date=_plain(told["date"])[:40],
                )


def _at(value: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> str:
    return " ".join(unescape(_TAG.sub("", value)).split()) if isinstance(value, str) else ""
