"""Suspicious text in requests: how it is known, and whether it is refused or only marked.

A tripwire, not a defence: whoever shows a customer's text must escape it all the same. Which fields are looked at is
the request's own affair, which marks them in its schema; what is suspicious, and what happens then, the deployment's.
Patterns are matched by an engine without backtracking, in time proportional to the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import SchemaError, SchemaValidator, core_schema, from_json

from backdesk.worker.errors import InvalidRequest

#: Marks a field of a request, in its JSON schema: `Field(json_schema_extra=GUARDED)`. All text in it is looked at.
MARK = "x-guarded"
GUARDED: dict[str, Any] = {MARK: True}

#: Patterns by the names by which people are told of them.
USUAL_PATTERNS: dict[str, str] = {
    "script tag": r"(?i)<\s*/?\s*script\b",
    "javascript: link": r"(?i)\bjavascript\s*:",
    "call of eval": r"(?i)\beval\s*\(",
    "call of exec": r"(?i)\bexec\s*\(",
}


def _checked(patterns: dict[str, str]) -> dict[str, str]:
    for name, pattern in patterns.items():
        try:
            _matcher(pattern)
        except SchemaError as error:
            reason = str(error).strip().rpartition("error: ")[2]
            raise ValueError(f"{name!r} is no regular expression of the linear kind: {reason}") from None
    return patterns


#: Regular expressions by name, without look-around and back-references.
Patterns = Annotated[dict[str, str], AfterValidator(_checked)]
#: The fields with suspicious text, and the names of the patterns that it fits.
Findings = dict[str, list[str]]
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


class InputGuard(BaseModel):
    """What is suspicious, and what becomes of a request that holds it: it is refused, or runs and is marked.

    Raises ValidationError for a pattern that is no regular expression, or one with look-around or back-references.
    """

    model_config = ConfigDict(frozen=True)

    mode: Literal["refuse", "mark", "off"] = "refuse"
    patterns: Patterns = USUAL_PATTERNS

    def findings(self, schema: Mapping[str, Any] | None, encoded: bytes) -> Findings:
        """Return what is suspicious in a request, given as JSON; `schema` is None when nothing in it is guarded."""
        if schema is None or self.mode == "off":
            return {}
        found: Findings = {}
        for field, text in _guarded_texts(schema, schema, from_json(encoded), ""):
            plain = _plain(text)
            names = [name for name, pattern in self.patterns.items() if _matcher(pattern).isinstance_python(plain)]
            if names:
                found[field] = names
        return found

    def check(self, schema: Mapping[str, Any] | None, encoded: bytes) -> None:
        """Raise InvalidRequest for a request that is refused, with the patterns and never the text."""
        if self.mode == "refuse" and (found := self.findings(schema, encoded)):
            raise InvalidRequest.of(refusals(found))


def refusals(found: Findings) -> dict[str, str]:
    """Return a reason for each field with suspicious text."""
    return {field: f"holds what looks like code: {', '.join(names)}; say it in words" for field, names in found.items()}


@cache
def guarded_schema(model: type[BaseModel]) -> Mapping[str, Any] | None:
    """Return a model's JSON schema, None when it has no guarded field."""
    schema = model.model_json_schema()
    return schema if has_guarded(schema) else None


def has_guarded(schema: Any) -> bool:
    """Whether a JSON schema has a guarded field anywhere."""
    if isinstance(schema, Mapping):
        return MARK in schema or any(map(has_guarded, schema.values()))
    return isinstance(schema, list) and any(map(has_guarded, schema))


@cache
def _matcher(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _plain(text: str) -> str:
    """Undo what hides a word from a pattern: entities, wide letters, characters that nobody sees."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", html.unescape(text)))


def _guarded_texts(root: Mapping[str, Any], schema: Any, value: Any, at: str) -> Iterator[tuple[str, str]]:
    if not isinstance(schema, Mapping):
        return
    if MARK in schema:
        yield from _texts(value, at)
        return
    if isinstance(ref := schema.get("$ref"), str):
        yield from _guarded_texts(root, root.get("$defs", {}).get(ref.rpartition("/")[2]), value, at)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _guarded_texts(root, each, value, at)
    if isinstance(value, Mapping):
        for name, each in schema.get("properties", {}).items():
            if name in value:
                yield from _guarded_texts(root, each, value[name], _joined(at, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _guarded_texts(root, schema.get("items"), each, _joined(at, number))


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping | list):
        for name, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _texts(each, _joined(at, name))


def _joined(at: str, name: object) -> str:
    return f"{at}.{name}" if at else str(name)
