"""The versions of kinds: which body has begun a job, and which may go on with it.

What a job remembers (steps, answers, a checkpoint) fits the body that left it there. A worker with another version
goes on from it only where its kind says so. What a worker may do is announced as its offers; what a job needs is the
name under which it is stranded. The same names are built in `store/lua/shared/stranding.lua`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

#: Among the versions that a kind resumes: whichever there are.
ANY_VERSION = "*"
#: In an offer: jobs of other versions begin anew.
ANEW = "^"
#: In an offer: the kind is known, and takes more slots than the worker has.
TOO_LARGE = "#"
#: Ends the name of a job that must not begin anew.
COMMITTED = "!"
#: Between a kind and the slots that a job of it takes, where these were said of the job.
TIMES = "*"
#: In an offer: between a queue and the slots that its worker has.
SIZE = "#"

#: What a worker does with a job that another version has begun and that it may not resume: leave it to one that may, or
#: begin anew, without what the job remembers.
Mismatch = Literal["wait", "restart"]

#: What a schema says to people, and to no program.
_REMARKS = frozenset({"title", "description", "examples"})
#: Keywords whose keys are names, not keywords.
_NAMED = frozenset({"properties", "$defs", "patternProperties"})
#: Keywords whose values are data.
_DATA = frozenset({"default", "const", "enum"})


class Stranding(NamedTuple):
    """What a queued job needs of a worker, that none of those which had it in their hands could give."""

    kind: str
    #: The slots that were said of it; None when it takes those of its kind.
    slots: int | None = None
    #: The version that has begun it, "" when it has nothing to go on from.
    version: str = ""
    #: Whether it has begun what must not be done twice, so that it never begins anew.
    committed: bool = False

    @classmethod
    def read(cls, name: str) -> Self:
        """Return it by the name that the store gives it."""
        line, _, version = name.partition(":")
        return cls(*read_line(line), version.removesuffix(COMMITTED), version.endswith(COMMITTED))

    @property
    def fitting(self) -> frozenset[str]:
        """The offers of which a worker must have one."""
        if not self.version:
            # A worker too small for others of the kind may well be large enough for this one.
            return frozenset({self.kind, f"{self.kind}:{TOO_LARGE}"} if self.slots else {self.kind})
        able = {self.version, ANY_VERSION} if self.committed else {self.version, ANY_VERSION, ANEW}
        return frozenset(f"{self.kind}:{each}" for each in able)


def line_of(kind: str, slots: int | None) -> str:
    """Return the name of the line in which such jobs of a tenant stand."""
    return f"{kind}{TIMES}{slots}" if slots else kind


def read_line(line: str) -> tuple[str, int | None]:
    """Return the kind of a line, and the slots that were said of its jobs."""
    kind, _, slots = line.partition(TIMES)
    return kind, int(slots) if slots else None


def contract_version(*schemas: Mapping[str, Any]) -> str:
    """Return the version of a kind that gives none: a hash of its schemas.

    The same in every process and on every Python; titles, descriptions and the order of fields do not count.
    """
    canonical = json.dumps([_essence(schema) for schema in schemas], sort_keys=True, separators=(",", ":"))
    return f"contract-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def _essence(schema: Any) -> Any:
    """Return what a program goes by in a schema."""
    if isinstance(schema, list):
        return [_essence(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    unordered = bool(schema.get("uniqueItems"))
    return {key: _value(key, schema[key], unordered) for key in schema if key not in _REMARKS}


def _value(key: str, value: Any, unordered: bool) -> Any:
    if key in _NAMED:
        return {name: _essence(each) for name, each in value.items()}
    if key == "required" or (key == "default" and unordered and isinstance(value, list)):
        return sorted(value, key=json.dumps)  # the order of a set changes from process to process
    return value if key in _DATA else _essence(value)
