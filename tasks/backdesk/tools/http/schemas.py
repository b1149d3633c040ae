"""Schemas of an OpenAPI document as JSON schemas for a model, with what they refer to; cycles stay references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from backdesk.worker.errors import ConfigurationError

#: How far references may lead to references.
_MOST_STEPS = 20
#: What a model has no use for.
_LEFT_OUT = frozenset({"example", "examples", "xml", "externalDocs", "discriminator", "nullable", "deprecated"})
#: Keywords whose values hold schemas by name, those that hold one, and those that hold a list.
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_ONE = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"})
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})


class Schemas:
    """What one document defines. References out of it are refused, wherever they stand."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._pointers: dict[str, str] = {}

    def resolved(self, value: Any) -> Mapping[str, Any]:
        """Return what a value stands for that may be a reference. Raises ConfigurationError."""
        for _ in range(_MOST_STEPS):
            if not isinstance(value, Mapping):
                raise ConfigurationError(f"the document has {value!r:.80} in place of an object")
            if "$ref" not in value:
                return value
            value = self._at(value["$ref"])
        raise ConfigurationError("the document has references that lead to each other and to nothing else")

    def translated(self, schema: Any) -> dict[str, Any]:
        """Return a schema as JSON schema has it, with references to `$defs` of the whole. Raises ConfigurationError."""
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        if not isinstance(schema, Mapping):
            raise ConfigurationError(f"the document has {schema!r:.80} in place of a schema")
        if "$ref" in schema:
            return {"$ref": f"#/$defs/{self._name(schema['$ref'])}"}
        found = {word: self._translated(word, value) for word, value in schema.items() if word not in _LEFT_OUT}
        return _nullable(_bounded(_writable(found, schema)), schema)

    def definitions_of(self, schemas: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the definitions to which translated schemas lead, by their names."""
        found: dict[str, Any] = {}
        waiting = [*_references(schemas)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                pointer = next(pointer for pointer, each in self._pointers.items() if each == name)
                found[name] = self.translated(self._at(pointer))
                waiting += _references([found[name]])
        return found

    def _translated(self, word: str, value: Any) -> Any:
        if word in _BY_NAME and isinstance(value, Mapping):
            return {name: self.translated(each) for name, each in value.items() if not _is_read_only(each)}
        if word in _ONE and isinstance(value, Mapping):
            return self.translated(value)
        if word in _MANY and isinstance(value, list):
            return [self.translated(each) for each in value]
        return value

    def _name(self, pointer: Any) -> str:
        self._at(pointer)
        if pointer not in self._pointers:
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", str(pointer).rpartition("/")[2]) or "schema"
            taken = {*self._pointers.values()}
            self._pointers[pointer] = name if name not in taken else f"{name}_{len(taken)}"
        return self._pointers[pointer]

    def _at(self, pointer: Any) -> Any:
        if not isinstance(pointer, str) or not pointer.startswith("#/"):
            raise ConfigurationError(f"the document refers to {str(pointer)[:200]!r}, which is not in it")
        found: Any = self._document
        for part in pointer[2:].split("/"):
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or step not in found:
                raise ConfigurationError(f"the document refers to {pointer[:200]!r}, which is not in it")
            found = found[step]
        return found


def _is_read_only(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("readOnly") is True


def _writable(found: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Require nothing that is not to be sent."""
    unsent = {name for name, each in (schema.get("properties") or {}).items() if _is_read_only(each)}
    if unsent and "required" in found:
        found["required"] = [name for name in found["required"] if name not in unsent]
    return found


def _bounded(found: dict[str, Any]) -> dict[str, Any]:
    """Return bounds as 3.1 has them, which 3.0 says are excluded."""
    for excluded, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(flag := found.get(excluded), bool):
            del found[excluded]
            if flag and bound in found:
                found[excluded] = found.pop(bound)
    return found


def _nullable(found: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return as a type what 3.0 has as a flag."""
    if schema.get("nullable") is not True:
        return found
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
        if "enum" in found and None not in found["enum"]:
            found["enum"] = [*found["enum"], None]
        return found
    return {"anyOf": [found, {"type": "null"}]}


def _references(schemas: Iterable[Any]) -> Iterator[str]:
    waiting = [*schemas]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            if isinstance(each.get("$ref"), str):
                yield each["$ref"].removeprefix("#/$defs/")
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
