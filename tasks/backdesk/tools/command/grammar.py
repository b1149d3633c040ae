"""What may stand behind the name of a program: its options, their values, and its operands.

An argument is read by the grammar or refused; what is run is written anew from what was read, so that nothing hinges
on the program reading it in the same way. An option that the grammar does not list does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

#: Lengths of one argument and of all, in characters.
LONGEST, LONGEST_IN_ALL, MOST_ARGUMENTS = 4_000, 20_000, 100

#: Returns the value as it is to be given to the program. Raises Refused.
Check = Callable[[str], str]


class Refused(Exception):
    """A program is not run so; the message says why, for the model."""


def text(value: str) -> str:
    """Take anything: a pattern, a word."""
    return value


def number(value: str) -> str:
    """Take a number from 0 to 100,000."""
    if not (value.isascii() and value.isdigit() and int(value) <= 100_000):
        raise Refused(f"{value!r} is no number from 0 to 100000")
    return str(int(value))


def one_of(*words: str) -> Check:
    """Take one of some words."""

    def check(value: str) -> str:
        if value not in words:
            raise Refused(f"{value!r} is none of {', '.join(words)}")
        return value

    return check


def path(value: str) -> str:
    """Take a path within the folder. Whether links lead out of it is for `confined` to find."""
    if value.startswith(("/", "~")):
        raise Refused(f"{value!r}: paths begin in the folder, as in `report/2026.txt`")
    parts = PurePosixPath(value).parts
    if ".." in parts:
        raise Refused(f"{value!r}: no path leads out of the folder, nor goes up on its way")
    if any(not each.isprintable() for each in value):
        raise Refused("a path is of printable characters")
    return str(PurePosixPath(value))


@dataclass(frozen=True, slots=True)
class CommandGrammar:
    """The options of a program and its operands. `flags` are those without a value, as `l` and `recursive`."""

    name: str
    flags: frozenset[str] = frozenset()
    values: Mapping[str, Check] = field(default_factory=dict)
    #: What its operands are: paths, texts, or a pattern and then paths.
    operands: Literal["paths", "texts", "pattern and paths"] = "paths"
    #: Options that give the pattern, so that all operands are paths.
    patterns: frozenset[str] = frozenset()
    #: Whether options end at the first operand, and there is no `--` to say so.
    leading: bool = False

    def read(self, arguments: Sequence[str]) -> Command:
        """Read arguments. Raises Refused for what is not listed."""
        _check_lengths(arguments)
        options: list[tuple[str, str | None]] = []
        operands: list[str] = []
        rest = iter(arguments)
        for argument in rest:
            if argument == "--" and not self.leading:
                operands += rest
            elif argument.startswith("--") and not self.leading:
                options.append(self._long(argument[2:], rest))
            elif argument.startswith("-") and argument != "-" and self._has_options(argument):
                options += self._short(argument[1:], rest)
            elif self.leading:
                operands += [argument, *rest]
            else:
                operands.append(argument)
        return self._checked(options, operands)

    def _has_options(self, argument: str) -> bool:
        return not self.leading or set(argument[1:]) <= self.flags

    def _long(self, said: str, rest: Iterator[str]) -> tuple[str, str | None]:
        name, given, value = said.partition("=")
        if len(name) > 1 and name in self.values:
            return name, self._value(name, value if given else next(rest, None))
        if len(name) > 1 and name in self.flags and not given:
            return name, None
        raise Refused(f"{self.name} is not run with --{name}{given and '='}; it may have {self.listed()}")

    def _short(self, letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str | None]]:
        for at, letter in enumerate(letters):
            if letter in self.values:
                yield letter, self._value(letter, letters[at + 1 :] or next(rest, None))
                return
            if letter not in self.flags:
                raise Refused(f"{self.name} is not run with -{letter}; it may have {self.listed()}")
            yield letter, None

    def _value(self, name: str, value: str | None) -> str:
        if value is None:
            raise Refused(f"{self.name}: the option {_dashed(name)} needs a value")
        return self.values[name](value)

    def _checked(self, options: list[tuple[str, str | None]], operands: list[str]) -> Command:
        pattern: list[str] = []
        if self.operands == "pattern and paths" and not self.patterns & {name for name, _ in options}:
            if not operands:
                raise Refused(f"{self.name} needs a pattern")
            pattern, operands = operands[:1], operands[1:]
        paths = [] if self.operands == "texts" else [path(each) for each in operands]
        written = [each for name, value in options for each in _written(name, value)]
        end = [] if self.leading else ["--"]
        return Command([self.name, *written, *end, *pattern, *(paths or operands)], paths)

    def listed(self) -> str:
        """Say which options there are."""
        return " ".join(sorted(map(_dashed, (*self.flags, *self.values)), key=lambda each: (each.strip("-"), each)))


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, and which of it are paths."""

    argv: list[str]
    paths: list[str]


def _dashed(name: str) -> str:
    return f"-{name}" if len(name) == 1 else f"--{name}"


def _written(name: str, value: str | None) -> list[str]:
    if value is None:
        return [_dashed(name)]
    return [f"-{name}", value] if len(name) == 1 else [f"--{name}={value}"]


def _check_lengths(arguments: Sequence[str]) -> None:
    if len(arguments) > MOST_ARGUMENTS or sum(map(len, arguments)) > LONGEST_IN_ALL:
        raise Refused(f"at most {MOST_ARGUMENTS} arguments of {LONGEST_IN_ALL} characters in all are taken")
    for each in arguments:
        if len(each) > LONGEST or "\0" in each:
            raise Refused(f"an argument has at most {LONGEST} characters, none of them NUL")
        try:
            each.encode()
        except UnicodeEncodeError:
            raise Refused("an argument is text") from None
