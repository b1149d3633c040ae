"""Puts a script together with what it uses of the files that it includes.

Redis runs a script from its first line at every call, so that all functions on the way are made anew; and what it
costs to make one grows with the number of locals that functions share. With all that a script includes that would take
longer than its commands. So what a script does not come to is left out, and what is left of the included files becomes
fields of one table. The text is read by the layout of our own files: what is not indented begins a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_COMMENT = re.compile(r"--[^\n]*")
_STATEMENT = re.compile(r"^(?=[^\s})])(?!end\b|else\b|elseif\b)", re.MULTILINE)
_DEFINITION = re.compile(r"local (?:function (\w+)|([\w, ]+)(?= =|\n))|(\w+)(?= = )")
_NAME_OR_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<![.\w])[A-Za-z_]\w*")
#: The table that holds what a script uses of others. Not a name that a file may use itself.
TABLE = "our"


@dataclass(frozen=True, slots=True)
class _Definition:
    """A statement of an included file, and the names that it defines."""

    names: frozenset[str]
    text: str


def link(parts: Sequence[str], main: str) -> str:
    """Return a script: what `main` uses of `parts`, in their order, and `main`."""
    definitions = [each for part in parts for each in _definitions(part)]
    main = _COMMENT.sub("", main)
    wanted, words = set[int](), _names(main)
    while new := {at for at, each in enumerate(definitions) if at not in wanted and each.names & words}:
        wanted |= new
        words |= {name for at in new for name in _names(definitions[at].text)}
    used = [definitions[at] for at in sorted(wanted)]
    names = frozenset(name for each in used for name in each.names)
    if not names:
        return main
    return "".join([f"local {TABLE} = {{}}\n", *(_as_fields(each.text, names) for each in used), _renamed(main, names)])


def _definitions(part: str) -> Iterator[_Definition]:
    text = _COMMENT.sub("", part)
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        statement = text[start:end]
        defined = _DEFINITION.match(statement)
        if defined is None:
            raise ValueError(f"an included file may only define things: {statement.strip()}")
        yield _Definition(frozenset(re.findall(r"\w+", next(filter(None, defined.groups())))), statement)


def _names(text: str) -> set[str]:
    return set(_NAME_OR_TEXT.findall(text))


def _as_fields(definition: str, names: frozenset[str]) -> str:
    definition = definition.removeprefix("local ")
    if re.fullmatch(r"\w+\s*", definition):
        return ""  # declared ahead of its definition, which a field need not be
    return _renamed(definition, names)


def _renamed(text: str, names: frozenset[str]) -> str:
    return _NAME_OR_TEXT.sub(lambda found: f"{TABLE}.{found[0]}" if found[0] in names else found[0], text)
