"""Puts a script together with what it uses of the files that it includes.

Redis runs a script from its first line at every call, so that all functions on the way are made anew; and what it
costs to make one grows with the number of locals that functions share. With all that a script includes that would take
longer than its commands. So what a script does not come to is left out, what is left of the included files becomes
fields of one table, and what a usual call does not come to, a function behind a line `--!rare` and all that only such
functions use, is made when a call first comes to it. The text is read by the layout of our own files: what is not
indented begins a statement.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from backdesk.worker.store.inlining import Short, expanded, read_short

_COMMENT = re.compile(r"--[^\n]*")
_RARE = re.compile(r"^--!rare\n(?:local )?function (\w+)", re.MULTILINE)
_STATEMENT = re.compile(r"^(?=[^\s})])(?!end\b|else\b|elseif\b)", re.MULTILINE)
_DEFINITION = re.compile(r"local (?:function (\w+)|([\w, ]+)(?= =|\n))|(\w+)(?= = )")
#: Where a name is used for something else than what it was defined as: a local, a parameter, a loop, a key of a table.
_SHADOW = re.compile(
    r"\blocal (?:function )?(?:\w+, *)*(our\.\w+)"
    r"|\bfunction\b[ \w.]*\((?:[\w.]+, *)*(our\.\w+)"
    r"|\bfor (?:\w+, *)*(our\.\w+)"
    r"|\{\s*(our\.\w+) = |\{[^{}\n]*, (our\.\w+) = "
)
_NAME_OR_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<![.\w])[A-Za-z_]\w*")
#: The table that holds what a script uses of others. Not a name that a file may use itself.
TABLE = "our"
_FIELD = re.compile(rf"\b{TABLE}\.(\w+)")
_ASSIGNED = re.compile(rf"((?:\b{TABLE}\.\w+, )*\b{TABLE}\.\w+) = ")
#: Makes the rest of the definitions when a name is looked up that is not there.
_LATER = f"""setmetatable({TABLE}, {{__index = function(_, name)
  setmetatable({TABLE}, nil)
  {TABLE}.define_the_rest()
  return {TABLE}[name]
end}})
"""


@dataclass(frozen=True, slots=True)
class _Definition:
    """A statement of an included file, and the names that it defines."""

    names: frozenset[str]
    text: str
    #: Whether a usual call does not come to it.
    rare: bool

    @property
    def ahead(self) -> bool:
        """Whether it only declares a name ahead of its definition, which a field of a table need not be."""
        return re.fullmatch(r"local \w+\s*", self.text) is not None


def link(parts: Sequence[str], main: str) -> str:
    """Return a script: what `main` uses of `parts`, in their order, and `main`.

    Raises ValueError when a part does more than define, or a name means two things.
    """
    definitions = [each for part in parts for each in _definitions(part)]
    _check_unique(definitions)
    main = _COMMENT.sub("", main)
    definitions = _reached(definitions, main, _NAME_OR_TEXT)
    names = frozenset(name for each in definitions for name in each.names)
    main = _renamed(main, names)
    linked = [replace(each, text=_field(each, names)) for each in definitions if not each.ahead]
    linked, shorts = _expanded(linked, _changed([main, *(each.text for each in linked)]))
    main = expanded(main, shorts)
    used = _reached(linked, main, _FIELD)
    if not used:
        return main
    usual = _reached([each for each in used if not each.rare], main, _FIELD)
    fields = [each.text for each in usual]
    if rest := [each.text for each in used if each not in usual]:
        fields.append(f"function {TABLE}.define_the_rest()\n{''.join(rest)}end\n{_LATER}")
    return "".join([_table(name for each in usual for name in each.names), *fields, main])


def _field(definition: _Definition, names: frozenset[str]) -> str:
    return _renamed(definition.text.removeprefix("local "), names)


def _changed(texts: Iterable[str]) -> set[str]:
    """The names that are assigned to more than once: variables."""
    assigned = Counter(name for text in texts for each in _ASSIGNED.findall(text) for name in _FIELD.findall(each))
    return {name for name, times in assigned.items() if times > 1}


def _expanded(definitions: Iterable[_Definition], changed: set[str]) -> tuple[list[_Definition], dict[str, Short]]:
    """The definitions with the shorter ones before them put in, and which those are."""
    shorts: dict[str, Short] = {}
    done = []
    for each in definitions:
        done.append(replace(each, text=expanded(each.text, shorts)))
        short = None if each.rare or each.names & changed else read_short(done[-1].text)
        if short:
            shorts[short[0]] = short[1]
    return done, shorts


def _reached(definitions: Sequence[_Definition], main: str, name: re.Pattern[str]) -> list[_Definition]:
    """The definitions that `main` comes to, in their order; `name` is what a name looks like."""
    wanted, words = set[int](), {*name.findall(main)}
    while new := {at for at, each in enumerate(definitions) if at not in wanted and each.names & words}:
        wanted |= new
        words |= {found for at in new for found in name.findall(definitions[at].text)}
    return [definitions[at] for at in sorted(wanted)]


def _table(names: Iterable[str]) -> str:
    """The table, made as large as it gets: to grow step by step takes a fifth of the time of filling it."""
    room = ", ".join(f"['{name}'] = 0" for name in sorted(names))
    return f"local {TABLE} = {{{room}}}\n"


def _definitions(part: str) -> Iterator[_Definition]:
    rare = {*_RARE.findall(part)}
    if len(rare) != part.count("--!rare"):
        raise ValueError("`--!rare` stands in the line before a function")
    text = _COMMENT.sub("", part)
    starts = [match.start() for match in _STATEMENT.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        statement = text[start:end]
        defined = _DEFINITION.match(statement)
        if defined is None:
            raise ValueError(f"an included file may only define things: {statement.strip()}")
        names = frozenset(re.findall(r"\w+", next(filter(None, defined.groups()))))
        yield _Definition(names, statement, rare=bool(names & rare))


def _check_unique(definitions: Iterable[_Definition]) -> None:
    defined = Counter(name for each in definitions if not each.ahead for name in each.names)
    if twice := [name for name, count in defined.items() if count > 1]:
        raise ValueError(f"defined twice in the included files: {', '.join(twice)}")


def _renamed(text: str, names: frozenset[str]) -> str:
    renamed = _NAME_OR_TEXT.sub(lambda found: f"{TABLE}.{found[0]}" if found[0] in names else found[0], text)
    if shadow := _SHADOW.search(renamed):
        raise ValueError(f"a name of the included files is used for something else: {shadow[0].replace('our.', '')}")
    return renamed
