"""The fields of a request as command-line options: `--customer-id c1` is the field `customer_id`.

What is typed is text; the JSON schema of the kind says what it becomes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backdesk.worker.errors import InvalidRequest

#: The field of a result that holds a structured answer.
STRUCTURED = "output"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class RequestField:
    """One field of a request schema."""

    name: str
    types: tuple[str, ...]
    required: bool
    default: Any = None
    description: str = ""
    choices: tuple[str, ...] = ()
    #: Types of the elements, of a field that is a list.
    elements: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """How the field is given on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def shown_type(self) -> str:
        """The type for people; a field that may be null is one that may be left out."""
        if self.choices:
            return " | ".join(self.choices)
        return " or ".join(kind for kind in self.types if kind != "null") or "any JSON"

    @property
    def shown_default(self) -> str:
        if self.required:
            return "required"
        return "" if self.default is None else json.dumps(self.default)

    def value_of(self, text: str | None) -> Any:
        """Return what the text (None: the option stood alone) means as JSON; raises InvalidRequest."""
        if text is None:
            if "boolean" in self.types:
                return True
            raise InvalidRequest(self.name, f"{self.option} needs a value")
        if not self.types:
            return _json_or_text(text)
        if (value := _read(self.types, text)) is not _NO:
            return value
        if "array" in self.types:  # one element of a list that is given word by word: `--tag a --tag b`
            element = _read(self.elements, text)
            return [_json_or_text(text) if element is _NO else element]
        raise InvalidRequest(self.name, f"{text!r} is no {self.shown_type}")


def fields_of(schema: dict[str, Any]) -> list[RequestField]:
    """Return the fields that a request schema describes."""
    required = schema.get("required", ())
    return [_field(name, part, schema, name in required) for name, part in schema.get("properties", {}).items()]


def result_fields(schema: dict[str, Any]) -> Iterator[RequestField]:
    """Return the fields that a result schema describes; behind one that is an object, such as `output`, its fields."""
    for field, part in zip(fields_of(schema), schema.get("properties", {}).values(), strict=True):
        yield field
        for model in _branches(part, schema, depth=0):
            if field.name == STRUCTURED and "properties" in model:
                yield from (
                    replace(inner, name=f"{field.name}.{inner.name}")
                    for inner in fields_of(model | {"$defs": schema.get("$defs", {})})
                )


def request_from(options: Sequence[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the request that options such as `["--message", "hi"]` describe.

    An option given more than once makes a list. Raises InvalidRequest for one that is no field, or whose text does
    not fit the field's type.
    """
    fields = {field.option: field for field in fields_of(schema)}
    request: dict[str, Any] = {}
    for option, text in _pairs(options, fields):
        field = fields[option]
        value = field.value_of(text)
        if "array" in field.types:
            request[field.name] = request.get(field.name, []) + (value if isinstance(value, list) else [value])
        else:
            request[field.name] = value
    return request


def _pairs(options: Sequence[str], fields: dict[str, RequestField]) -> Iterator[tuple[str, str | None]]:
    rest = list(options)
    while rest:
        word = rest.pop(0)
        option, separator, text = word.partition("=")
        option = option.replace("_", "-")
        if option.startswith("--no-") and f"--{option[5:]}" in fields and not separator:
            yield f"--{option[5:]}", "false"
        elif option not in fields:
            raise _unknown(word if word.startswith("-") else f"{word!r}", fields)
        elif separator:
            yield option, text
        else:
            yield option, rest.pop(0) if rest and not _stands_alone(fields[option], rest[0]) else None


def _stands_alone(field: RequestField, following: str) -> bool:
    """A yes-or-no option takes the next word only if that is one of the words for yes or no."""
    return "boolean" in field.types and following.lower() not in _TRUE + _FALSE


def _unknown(option: str, fields: dict[str, RequestField]) -> InvalidRequest:
    listed = ", ".join(f"{name} <{field.shown_type}>" for name, field in fields.items())
    known = f"the kind's fields are {listed}" if listed else "the kind has no fields"
    return InvalidRequest("request", f"{option} is no option and no field of the request; {known}")


def _field(name: str, part: dict[str, Any], schema: dict[str, Any], required: bool) -> RequestField:
    branches = list(_branches(part, schema, depth=0))
    items = [found for branch in branches for found in _branches(branch.get("items", {}), schema, depth=0)]
    choices = dict.fromkeys(str(value) for branch in branches for value in branch.get("enum", ()))
    return RequestField(
        name=name,
        types=_types(branches),
        required=required,
        default=part.get("default"),
        description=str(part.get("description", "")),
        choices=tuple(choices),
        elements=_types(items),
    )


def _branches(part: dict[str, Any], schema: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """Yield the alternatives of a field, references followed. The depth ends a schema that refers to itself."""
    if depth > 10:
        return
    if reference := part.get("$ref"):
        yield from _branches(schema.get("$defs", {}).get(str(reference).rpartition("/")[2], {}), schema, depth + 1)
    for union in ("anyOf", "oneOf", "allOf"):
        for branch in part.get(union, ()):
            yield from _branches(branch, schema, depth + 1)
    yield part


def _types(branches: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the types that the alternatives allow, in the order in which text is tried on them."""
    kinds = [branch.get("type", ()) for branch in branches]
    flat = dict.fromkeys(kind for named in kinds for kind in ([named] if isinstance(named, str) else named))
    # Every text is a string, so that one comes last.
    return tuple(sorted(flat, key=lambda kind: kind == "string"))


#: A reader's answer to text that does not fit its type.
_NO = object()


def _read(types: Sequence[str], text: str) -> Any:
    for kind in types:
        if kind in _READERS and (value := _READERS[kind](text)) is not _NO:
            return value
    return _NO


def _read_boolean(text: str) -> Any:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else _NO


def _read_number(text: str, kind: type[int] | type[float] = float) -> Any:
    try:
        return kind(text)
    except ValueError:
        return _NO


def _read_json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return _NO
    return value if isinstance(value, kind) else _NO


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": _read_boolean,
    "integer": lambda text: _read_number(text, int),
    "number": _read_number,
    "array": lambda text: _read_json(text, list),
    "object": lambda text: _read_json(text, dict),
    "string": lambda text: text,
}
