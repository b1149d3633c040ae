"""The page of what tools refuse names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tool_security.md"
_TEST = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")


def test_each_test_that_the_page_names_is_there() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in _TEST.findall(PAGE.read_text("utf-8"))
        if not (ROOT / path).is_file() or f"def {name}(" not in ((ROOT / path).read_text("utf-8") + "def (")
    ]
    assert missing == []


def test_each_line_of_the_page_names_a_test() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    assert [row for row in rows if not _TEST.search(row)] == []
