"""What agents write down for people, without what these need not read."""

from __future__ import annotations

from backdesk.worker.text.identity import hide_but_ends
from backdesk.worker.text.masking import mask


def for_people(text: str) -> str:
    """Return a text without secrets, cards and identity numbers; of accounts the last four characters stay.

    E-mail addresses and telephone numbers stay, as a customer may have to be answered there. Idempotent.
    """
    return hide_but_ends(mask(text))
