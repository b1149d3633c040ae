"""How warm a text is, by TextBlob's lexicon of English; a text in another language is neutral to it.

The library costs half a second and 40 MB, so it is loaded at the first review, or by `load` before there is one.
"""

from __future__ import annotations


def load() -> None:
    """Load what the first review would load; for `prepare=` of a kind whose agents have a gate."""
    sentiment("Thank you.")


def sentiment(text: str) -> float:
    """Return from -1 (hostile) over 0 (neutral) to 1 (warm): the polarity of TextBlob's pattern analyzer."""
    from textblob import TextBlob  # noqa: PLC0415 - see above

    polarity: float = TextBlob(text).sentiment.polarity
    return max(-1.0, min(1.0, polarity))
