"""Text of users, models and other machines, made safe to print: it must not steer the terminal that shows it."""

from __future__ import annotations

import re

# Escape sequences go as a whole, so that their letters are not left behind.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Control characters, halves of surrogate pairs, and the marks that turn the direction of writing.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def safe_block(text: object) -> str:
    """Return text that may span lines, without anything that steers a terminal."""
    lines = str(text).replace("\r\n", "\n")
    return _UNSAFE.sub("", _SEQUENCE.sub("", lines)).expandtabs(4)


def safe_line(text: object, most: int = 0) -> str:
    """Return text as one line, cut to `most` characters unless that is 0."""
    line = " ".join(safe_block(text).split())
    return f"{line[: most - 1]}…" if 0 < most < len(line) else line
