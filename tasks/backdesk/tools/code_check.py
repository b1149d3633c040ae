"""The tool `check_syntax`: whether code is well-formed. It is read, and never run."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import threading
import tomllib
import warnings
from collections.abc import Callable
from typing import Annotated, NoReturn

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import ToolOutcome
from backdesk.agents.tools import tool
from backdesk.tools.sql_parsing import TooDeep, parsed

MOST_CHARACTERS = 50_000
Language = Annotated[str, Field(max_length=30, description="Such as python, json, toml or sql.")]
Code = Annotated[str, Field(max_length=MOST_CHARACTERS, description="The code alone, without any fence around it.")]


#: Python's filters of warnings are those of all threads: two that change them would leave those of one behind.
_one_at_a_time = threading.Lock()
#: A key of so many parts is a depth of so many tables, which takes the square of that.
_LONG_KEY = re.compile(r"""(?:\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')\s*){200}""")


class CodeChecked(ToolOutcome):
    """What was found: `well_formed` is None for what was not checked, and `problem` says why."""

    language: str
    well_formed: bool | None
    problem: str = ""
    line: int | None = None
    column: int | None = None

    def summary(self) -> str:
        """Say what was found in a line."""
        if self.well_formed:
            return f"{self.language}: well-formed"
        where = f" in line {self.line}" if self.line else ""
        return f"{self.language}: {'not checked' if self.well_formed is None else 'an error'}{where}: {self.problem}"


class _Malformed(Exception):
    def __init__(self, problem: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line, self.column = problem, line, column


def checked(language: str, code: str) -> CodeChecked:
    """Return whether code is well-formed in a language; nothing of it is run or imported."""
    name = _ALIASES.get(language.strip().lower(), language.strip().lower())
    if (check := _CHECKS.get(name)) is None:
        return CodeChecked(language=name, well_formed=None, problem=f"only {', '.join(_CHECKS)} are checked")
    if len(code) > MOST_CHARACTERS:
        return CodeChecked(language=name, well_formed=None, problem=f"it has more than {MOST_CHARACTERS} characters")
    try:
        check(code)
    except _Malformed as error:
        return CodeChecked(
            language=name, well_formed=False, problem=error.problem, line=error.line, column=error.column
        )
    except (RecursionError, MemoryError, TooDeep):
        return CodeChecked(language=name, well_formed=None, problem="it is nested too deep")
    except ImportError:
        return CodeChecked(language=name, well_formed=None, problem='it needs pip install "backdesk[tools]"')
    return CodeChecked(language=name, well_formed=True)


@tool("pure")
async def check_syntax(desk: Desk, language: Language, code: Code) -> CodeChecked:
    """Check whether code is well-formed, before anybody gets it. It is only read: what it does is not checked."""
    # SQL in a thread: its library takes a second to load, and a while for long statements.
    return await asyncio.to_thread(checked, language, code)


def _python(code: str) -> None:
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        raise _Malformed(error.msg, error.lineno, error.offset) from None
    except ValueError as error:
        raise _Malformed(str(error)) from None


def _json(code: str) -> None:
    def refuse(name: str) -> NoReturn:
        raise _Malformed(f"{name} is no JSON")

    try:
        json.loads(code, parse_constant=refuse, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise _Malformed(error.msg, error.lineno, error.colno) from None


def _toml(code: str) -> None:
    if _LONG_KEY.search(code):
        raise RecursionError
    try:
        tomllib.loads(code)
    except ValueError as error:  # TOMLDecodeError, and what Python says of too many digits
        raise _Malformed(str(error)) from None


def _sql(code: str) -> None:
    from sqlglot.errors import SqlglotError  # noqa: PLC0415 - costly, and of the extra `tools`

    try:
        statements = parsed(code)
    except SqlglotError as error:
        found = getattr(error, "errors", None) or [{}]
        problem = found[0].get("description") or str(error).split("\n")[0]
        raise _Malformed(problem, found[0].get("line"), found[0].get("col")) from None
    if not any(statements):
        raise _Malformed("there is no statement in it")


_ALIASES = {"py": "python", "python3": "python", "postgresql": "sql", "sqlite": "sql", "mysql": "sql"}
_CHECKS: dict[str, Callable[[str], None]] = {"python": _python, "json": _json, "toml": _toml, "sql": _sql}
