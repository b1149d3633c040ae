"""What a script takes and answers, by name. Its header says it, and nothing else does.

    -- ARGV: id, outcome ('failed' or 'limited'), error (JSON or ''), then for each setting: name, value
    -- Returns: code (1), attempt, kind; or {0, reason} when there is nothing to run

The script says the same names: `ARGV.outcome`, `for each in items(ARGV) do ... ARGV[each].value ... end`, and
`return reply{` with one `kind = job.kind,` a line. Numbers take their place before Redis gets it, where names cost
nothing and are not sent. Python passes arguments by keyword and reads answers by name.

A script that returns something "for each of them" is joint: Python makes a call for one of them, and such calls that
are alike in everything but that may be sent as one.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Literal

Argument = str | bytes | int
#: A number that may be left out.
Number = int | Literal[""]

#: What every script takes ahead of its own arguments. `now` is in ms, and '' but in tests; how long jobs
#: are kept that have ended, or succeeded, in ms.
COMMON = ("prefix", "now", "idle_window", "retention_ms", "succeeded_ms")

_JOINT = "for each of them: "
_COMMENT = re.compile(r"--(?!!)[^\n]*")
_HEADER = re.compile(r"(?:--[^\n]*\n)+")
_EXPLANATION = re.compile(r"\([^()]*\)")
_USE = re.compile(r"\bARGV(?:\[(\w+)\])?\.(\w+)")
_ITEMS = re.compile(r" in items\(ARGV\)")
_REPLY = re.compile(r"\breply\{\n(.*?)\n *\}", re.DOTALL)
_ENTRY = re.compile(r"\s*(\w+) = (.+),")


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of what a script takes once, of what it takes for each of its items, and of what it answers."""

    script: str
    once: tuple[str, ...] = ()
    item: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    joint: bool = False
    _once: Callable[[Any], Sequence[Argument]] = field(init=False, repr=False, compare=False)
    _item: Callable[[Any], Sequence[Argument]] = field(init=False, repr=False, compare=False)
    _answer: Callable[[Iterable[Any]], Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_once", _getter(itemgetter, self.passed))
        object.__setattr__(self, "_item", _getter(attrgetter, self.item) if len(self.item) > 1 else _alone)
        answer: Any = namedtuple("Answer", self.answer)  # type: ignore[misc]  # the names are those of the header
        object.__setattr__(self, "_answer", answer._make)

    @property
    def passed(self) -> tuple[str, ...]:
        """The names that are passed by keyword."""
        return (*self.once, *self.item) if self.joint else self.once

    @property
    def share(self) -> int:
        """How many values at the end of a joint call are those of what it is for; 0 of any other."""
        return len(self.item) if self.joint else 0

    def arrange(self, arguments: Mapping[str, Argument], items: Iterable[Any] = ()) -> list[Argument]:
        """Return arguments, and of each item the attributes of these names, as Redis gets them.

        Raises TypeError for a name that is missing, or that the script does not know.
        """
        try:
            once = self._once(arguments)
        except KeyError:
            raise TypeError(self._complaint(arguments)) from None
        if len(arguments) > len(self.passed):
            raise TypeError(self._complaint(arguments))
        return [*once, *chain.from_iterable(map(self._item, items))]

    def named(self, reply: Iterable[Any]) -> Any:
        """Return an answer whose attributes are named by the header; raises TypeError for another number of values."""
        return self._answer(reply)

    def _complaint(self, arguments: Mapping[str, Argument]) -> str:
        missing, unknown = set(self.passed) - arguments.keys(), arguments.keys() - set(self.passed)
        found = [("it lacks", missing), ("it does not know", unknown)]
        said = " and ".join(f"{what} {', '.join(sorted(names))}" for what, names in found if names)
        return f"{self.script}.lua takes {', '.join(self.passed)}: {said}"


def _alone(item: Argument) -> Sequence[Argument]:
    """An item of a single value is that value."""
    return (item,)


def _getter(kind: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Any], Sequence[Argument]]:
    if len(names) > 1:
        return kind(*names)  # type: ignore[no-any-return]  # of several names both kinds give a tuple
    each = [kind(name) for name in names]
    return lambda source: [get(source) for get in each]


def read_signature(script: str, text: str) -> Signature:
    """Return what a header says, nothing for an included file; raises ValueError for one that cannot be read."""
    header = _HEADER.match(text)
    said = " ".join(line.removeprefix("--").strip() for line in header[0].splitlines()) if header else ""
    takes = re.search(r"ARGV: (.*?) Returns: (.*?)(?= Atomic\b|$)", said)
    if takes is None:
        return Signature(script)
    once, _, each = takes[1].partition("then for each ")
    returns, joint = takes[2].removeprefix(_JOINT), takes[2].startswith(_JOINT)
    answer = _names(script, returns.partition(";")[0] if _REPLY.search(text) else "")
    return Signature(script, _names(script, once), _names(script, each.partition(": ")[2]), answer, joint)


def _names(script: str, listed: str) -> tuple[str, ...]:
    names = [name.strip() for name in _EXPLANATION.sub("", listed).split(",") if name.strip()]
    if wrong := [name for name in names if not name.isidentifier()] + [n for n in names if names.count(n) > 1]:
        raise ValueError(f"{script}.lua: not a name of its own in the header: {wrong[0]!r}")
    return tuple(names)


def bind(signature: Signature, text: str) -> str:
    """Return the text with numbers in place of names, and without comments.

    Raises ValueError for a name that the header does not list or that the text does not use, for a number of an
    argument, and for an answer that names other things than the header, or in another order.
    """
    binder = _Binder(signature)
    text = _USE.sub(binder.use, _COMMENT.sub("", text))
    text = _REPLY.sub(binder.reply, _ITEMS.sub(binder.loop, text))
    binder.check(text)
    return text


class _Binder:
    """Puts numbers in the place of the names of one text, and notes which names there were."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._once = {name: number for number, name in enumerate((*COMMON, *signature.once), 1)}
        self._item = {name: offset for offset, name in enumerate(signature.item)}
        self._unused = {*signature.once, *signature.item}
        self._argv = 0

    def use(self, found: re.Match[str]) -> str:
        at, name = found.groups()
        known: dict[str, int] = self._item if at else self._once
        if name not in known:
            raise self._error(f"its header does not list {found[0]}")
        self._unused.discard(name)
        self._argv += 1
        if at is None:
            return f"ARGV[{known[name]}]"
        return f"ARGV[{at} + {known[name]}]" if known[name] else f"ARGV[{at}]"

    def loop(self, _: re.Match[str]) -> str:
        self._argv += 1
        step = f", {len(self._item)}" if len(self._item) > 1 else ""
        return f" = {len(self._once) + 1}, #ARGV{step}"

    def reply(self, found: re.Match[str]) -> str:
        entries = [_ENTRY.fullmatch(line) for line in found[1].splitlines()]
        names = tuple(entry and entry[1] for entry in entries)
        if names != self._signature.answer:
            raise self._error(f"it answers {names}, and its header says {self._signature.answer}")
        return "{" + ", ".join(entry[2] for entry in entries if entry) + "}"

    def check(self, code: str) -> None:
        if self._unused:
            raise self._error(f"it does not use what its header lists: {', '.join(sorted(self._unused))}")
        if len(re.findall(r"\bARGV\b", code)) != self._argv:
            raise self._error("an argument is used by its number, or the arguments as a whole")

    def _error(self, what: str) -> ValueError:
        return ValueError(f"{self._signature.script}.lua: {what}")
