"""Whether code is well-formed is told without running it, whatever it is."""

from __future__ import annotations

import ast
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from types import SimpleNamespace
from typing import Any

import pytest

from backdesk.tools import code_check
from backdesk.tools.code_check import checked

FOUND = [
    ("python", "def f(x):\n    return x", True, ""),
    ("Python", "def f(x:\n    return x", False, "'(' was never closed"),
    ("py", "raise SystemExit(1)", True, ""),
    ("python", "x = '\\d'", True, ""),
    ("python", "\x00", False, "null bytes"),
    ("json", '{"a": [1, 2.5]}', True, ""),
    ("json", "{a: 1}", False, "property name"),
    ("json", "NaN", False, "NaN is no JSON"),
    ("toml", "a = 1", True, ""),
    ("toml", "a", False, "Expected '='"),
    ("sql", "SELECT name FROM orders WHERE id = 3", True, ""),
    ("PostgreSQL", "SELECT ((", False, ""),
    ("sql", "", False, "no statement"),
    ("javascript", "let x = 1;", None, "only python, json, toml, sql are checked"),
    ("python", "-" * 40_000 + "1", None, "nested too deep"),
    ("python", "(" * 40_000, False, "too many nested parentheses"),
    ("python", "1+" * 20_000 + "1", None, "nested too deep"),
    ("python", "not " * 10_000 + "x", None, "nested too deep"),
    ("python", "9" * 45_000, False, "4300 digits"),
    ("python", "x" * 50_001, None, "more than 50000 characters"),
    ("json", "[" * 40_000, None, "nested too deep"),
    ("json", "9" * 40_000, True, ""),
    ("toml", "a=" + "[" * 40_000, None, "nested too deep"),
    ("toml", "a" + ".a" * 24_000 + " = 1", None, "nested too deep"),
    ("toml", "a = " + "9" * 5_000, False, "4300 digits"),
    ("sql", "SELECT " + "(" * 10_000, None, "nested too deep"),
    ("sql", "SELECT " + "date(" * 28 + "1" + ")" * 28, None, "nested too deep"),
    ("sql", "SELECT " + "int[(" * 14 + "1" + ")]" * 14, None, "nested too deep"),
    ("sql", "SELECT decimal(2), date(date(x)), CAST(a AS varchar(10)) FROM t", True, ""),
]


@pytest.mark.parametrize(("language", "code", "well_formed", "problem"), FOUND, ids=range(len(FOUND)))
def test_code_is_read_and_never_run(language: str, code: str, well_formed: bool | None, problem: str) -> None:
    found = checked(language, code)
    assert found.well_formed is well_formed
    assert problem in found.problem


def test_an_error_is_told_with_its_place() -> None:
    assert checked("python", "x = 1\ny = = 2\n").summary() == "python: an error in line 2: invalid syntax"


def test_checks_that_change_the_warnings_of_the_process_are_made_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both, parse = Barrier(2), ast.parse

    def parse_alone(code: str) -> Any:
        with pytest.raises(BrokenBarrierError):
            both.wait(0.2)
        return parse(code)

    monkeypatch.setattr(code_check, "ast", SimpleNamespace(parse=parse_alone))
    before = [*warnings.filters]
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(checked, ["python"] * 2, ["x = '\\d'"] * 2)]
    assert [each.well_formed for each in found] == [True, True]
    assert [*warnings.filters] == before
