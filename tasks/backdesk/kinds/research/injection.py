"""Passages of a source that address whoever reads it as a model: they are kept from models, and told of.

A tripwire, not a defence: it knows what is usual. What holds without it is that a reader can only hand on words of the
source with its name on them, and that no agent of a report can do anything but write.
"""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules|guidelines)\b"
    r"|\b(?:previous|prior|above|earlier|system)\s+(?:instructions?|prompts?)\b"
    r"|\byou are (?:now (?:an?|the)|an? (?:ai|language model|assistant))\b|\bas an? (?:ai|language model)\b"
    r"|\b(?:instructions?|note)\s+(?:to|for)\s+(?:the\s+)?(?:ai|llm|language model|assistant|agents?)\b"
    r"|\bdo not (?:mention|reveal|tell)\b[^.\n]{0,40}\b(?:instruction|prompt|user)"
    r"|<\|[a-z_]+\|>|\[/?INST\]|^[^\S\n]*(?:system|assistant)[^\S\n]*:"
    r"|\bignorier\w*\b[^.\n]{0,40}\banweisung\w*|\bignore[rz]?\b[^.\n]{0,40}\binstructions? précédentes"
    r"|\bignora\w*\b[^.\n]{0,40}\binstrucciones",
    re.IGNORECASE | re.MULTILINE,
)


def addresses_models(passage: str) -> bool:
    """Whether a passage seems to speak to a model rather than to its reader."""
    return _SIGNS.search(passage) is not None
