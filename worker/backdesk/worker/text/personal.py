"""What is kept of a request where requests are kept masked: all but secrets and what names a person or an account.

A net like the masking of secrets, and wider, since nobody works with the request any more: e-mail addresses, telephone
numbers and identity numbers as well. Names and postal addresses pass. What stands in a field `…_id` is what jobs are
found by, such as the `customer_id` of somebody who is to be erased: it stays unless it is a secret or a card.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import to_json

from backdesk.worker.text.boundaries import BEGINS
from backdesk.worker.text.identity import hide
from backdesk.worker.text.json import decode
from backdesk.worker.text.masking import masked
from backdesk.worker.text.subject import hide_addresses

TELEPHONE = "[masked-telephone]"
#: With the code of a country: other runs of digits are orders, amounts and dates as well.
_TELEPHONE = re.compile(rf"{BEGINS}(?<!\+)" r"\+[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)")


def impersonal(value: Any) -> Any:
    """Return a JSON value without these. Idempotent."""
    return _hidden(masked(value), "")


def impersonal_json(encoded: bytes) -> bytes:
    """Return JSON without these, b"" when there were none; of what cannot be read nothing is left."""
    try:
        value = decode(encoded)
    except ValueError:
        return b"null"
    kept = impersonal(value)
    return b"" if kept == value else to_json(kept)


def _hidden(value: Any, name: str) -> Any:
    match value:
        case str():
            is_found_by = name == "id" or name.endswith("_id")
            return value if is_found_by else _hidden_in(value)
        case dict():
            return {each: _hidden(inner, each) for each, inner in value.items()}
        case list():
            return [_hidden(each, name) for each in value]
    return value


def _hidden_in(text: str) -> str:
    text = hide(text)
    text = _TELEPHONE.sub(TELEPHONE, text) if "+" in text else text
    return hide_addresses(text) if "@" in text else text
