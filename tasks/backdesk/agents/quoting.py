"""Texts of others, as models are given them: between marks, so that nothing in them reads as an instruction."""

from __future__ import annotations

import re


def quoted(text: str, mark: str = "attachment") -> str:
    """Return a text between marks that it cannot end itself."""
    inside = re.sub(rf"<(\s*)/(\s*{mark})", r"<\1\\/\2", text, flags=re.IGNORECASE)
    return f"<{mark}>\n{inside}\n</{mark}>"
