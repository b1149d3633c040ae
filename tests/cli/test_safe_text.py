"""Whatever a user or a model writes, the terminal that shows it is not steered by it."""

from __future__ import annotations

import pytest

from backdesk.cli.safe_text import safe_block, safe_line


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("over\rwritten", "overwritten"),
        ("back\b\b\b\bspace", "backspace"),
        ("\x9b31mred", "31mred"),
        ("half \ud83d of a pair", "half  of a pair"),
        ("abc\u202edcba", "abcdcba"),
        ("\x1b", ""),
        ("grüße 你好 🎉", "grüße 你好 🎉"),
        ("[bold]as it is[/bold]", "[bold]as it is[/bold]"),
    ],
)
def test_a_block_keeps_the_words_only(evil: str, shown: str) -> None:
    assert safe_block(evil) == shown


def test_a_block_keeps_its_lines() -> None:
    assert safe_block("a\r\nb\n\tc") == "a\nb\n    c"


def test_a_line_is_one_line_and_as_long_as_wished() -> None:
    assert safe_line("a\nb   c") == "a b c"
    assert safe_line("abcdef", 4) == "abc…"
    assert safe_line(None) == "None"
