"""Puts short definitions of a linked script in the place of their uses: constants, and functions of one expression.

What most of them do, as to build the name of a key, takes no longer than to make a function and to call it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_LITERAL = r"(?:-?\d[\d.e+-]*|'[^'\n]*'|ARGV\[\d+\])"
_USE = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\bour\.(\w+)(\()?")
_TEXT_OR_MARK = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[(){}\[\],]")
_TEXT_OR_NAME = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?<![.\w])[A-Za-z_]\w*")
_SIMPLE = re.compile(r"[\w.]+(?:\[[\w.+ ]+\])?")


@dataclass(frozen=True, slots=True)
class Short:
    """What stands for a name: an expression and, of a function, its parameters."""

    expression: str
    parameters: tuple[str, ...] | None = None


def expanded(text: str, shorts: Mapping[str, Short]) -> str:
    """Return a text with the expressions in place of the names; a function that is not called keeps its name."""
    done, at = [], 0
    while use := _USE.search(text, at):
        short = shorts.get(use[1])
        put, end = use[0], use.end()
        if short and short.parameters is None:
            put, end = _enclosed(short.expression), use.end(1)
        elif short and short.parameters is not None and use[2]:
            arguments, end = _arguments(text, use.end())
            put = _call(short.expression, short.parameters, [expanded(each, shorts) for each in arguments])
        done += [text[at : use.start()], put]
        at = end
    return "".join([*done, text[at:]])


def read_short(definition: str) -> tuple[str, Short] | None:
    """Return the name of a definition and what can stand for it, if anything can.

    Of a function each parameter must be used once, whatever the others are: an argument is to be worked out once.
    """
    definition = definition.strip()
    if constant := re.fullmatch(r"our\.(\w+) = (.+)", definition):
        literal = re.fullmatch(rf"{_LITERAL}(?: \.\. {_LITERAL})*", constant[2])
        return (constant[1], Short(constant[2])) if literal else None
    function = re.fullmatch(r"function our\.(\w+)\(([\w, ]*)\) return (.+) end", definition)
    if function is None:
        return None
    name, parameters, expression = function[1], tuple(re.findall(r"\w+", function[2])), function[3]
    words = _TEXT_OR_NAME.findall(expression)
    once = all(words.count(parameter) == 1 for parameter in parameters)
    if (
        not once
        or {"and", "or"} & {*words}
        or f"our.{name}" in expression
        or len(_arguments(f"{expression})", 0)[0]) != 1
    ):
        return None
    return name, Short(expression, parameters)


def _call(expression: str, parameters: Sequence[str], arguments: Iterable[str]) -> str:
    given = dict(zip(parameters, map(_enclosed, arguments), strict=True))
    return f"({_TEXT_OR_NAME.sub(lambda word: given.get(word[0], word[0]), expression)})"


def _enclosed(argument: str) -> str:
    return argument if _SIMPLE.fullmatch(argument) else f"({argument})"


def _arguments(text: str, at: int) -> tuple[list[str], int]:
    """The arguments of a call whose bracket was opened just before `at`, and where it is closed."""
    found, depth, start = [], 0, at
    for mark in _TEXT_OR_MARK.finditer(text, at):
        if mark[0] in ")]}" and depth == 0:
            found.append(text[start : mark.start()].strip())
            return [each for each in found if each], mark.end()
        if mark[0] == "," and depth == 0:
            found.append(text[start : mark.start()].strip())
            start = mark.end()
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(mark[0], 0)
    raise ValueError(f"a bracket is not closed: {text[at:]}")
