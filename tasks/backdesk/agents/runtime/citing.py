"""What an answer may cite: passages that tools have returned, as the messages of the conversation have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_ai import ToolReturnPart
from pydantic_core import to_jsonable_python

from backdesk.agents.contract import Source
from backdesk.agents.runtime.messages import History


def sources_in(messages: History) -> list[Source]:
    """Return what tools have returned with a `cite`, each once, in its order."""
    returned = (part for message in messages for part in message.parts if isinstance(part, ToolReturnPart))
    values = (to_jsonable_python(part.content, fallback=str) for part in returned if part.outcome == "success")
    return list(dict.fromkeys(source for value in values for source in _sources(value)))


def _sources(value: Any) -> Iterator[Source]:
    match value:
        case {"cite": cite} if (source := _source(value)) is not None and source.cite == cite:
            yield source
        case dict():
            for each in value.values():
                yield from _sources(each)
        case list():
            for each in value:
                yield from _sources(each)
        case _:
            pass


def _source(value: Mapping[str, Any]) -> Source | None:
    fields = {name: value[name] for name in ("passage", "title", "heading") if name in value}
    try:
        return Source(article=value.get("slug", ""), **fields)
    except ValidationError:
        return None
