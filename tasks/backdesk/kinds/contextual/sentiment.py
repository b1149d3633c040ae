"""How a customer sounds: the polarity of a message, and the sentiment of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.kinds.contextual.contract import Sentiment
from backdesk.quality.sentiment import sentiment

#: Of a polarity from -1 to 1: beyond this, and not at it, somebody is displeased or pleased.
DISTINCT = 0.2
#: How many messages of a conversation count.
MOST_MESSAGES = 5


def polarity_of(message: str) -> float:
    """Return from -1 (displeased) to 1 (pleased) how an English message sounds. Blocks: the first call loads a library.

    It is the polarity by TextBlob's lexicon; what is written in another language is neutral to it.
    """
    return round(sentiment(message), 3)


def sentiment_of(polarities: Sequence[float]) -> Sentiment:
    """Return the sentiment of a conversation from the polarities of its messages, the oldest first.

    The mean decides in which each message counts one more than the one before it: what was said last counts most.
    """
    counted = polarities[-MOST_MESSAGES:]
    weights = range(1, len(counted) + 1)
    mean = sum(weight * each for weight, each in zip(weights, counted, strict=True)) / (sum(weights) or 1)
    if abs(mean) <= DISTINCT:
        return "neutral"
    return "negative" if mean < 0 else "positive"
