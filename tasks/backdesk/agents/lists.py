"""Lists that cards hold as tuples, so that a card is a value whatever its author has written."""

from __future__ import annotations

from backdesk.worker.errors import ConfigurationError


def hold_as_tuples(card: object, *names: str) -> None:
    """Put tuples in place of what a frozen card has been given of these names.

    Raises ConfigurationError for a text, which would be a list of its letters.
    """
    for name in names:
        given = getattr(card, name)
        if isinstance(given, str):
            kind = type(card).__name__
            raise ConfigurationError(f"{name} of an {kind} is a list of names, not a name: write [{given!r}]")
        object.__setattr__(card, name, tuple(given))
