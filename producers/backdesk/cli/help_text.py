"""Help as it is shown: docstrings are wrapped for those who read the code, and wrapped anew for the terminal."""

from __future__ import annotations

import inspect


def help_text(docstring: str | None) -> str:
    """Return a docstring with each paragraph on one line; indented paragraphs, the examples, keep their lines."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(text if text.startswith(" ") else text.replace("\n", " ") for text in paragraphs)
