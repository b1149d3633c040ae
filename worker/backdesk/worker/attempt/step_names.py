"""Keys of steps that a library names: cleaned for the ledger, and numbered where a name comes again.

They outlive the code that wrote them: what they are made of never changes.
"""

from __future__ import annotations

import re
from collections import Counter
from hashlib import blake2b

_FOREIGN = re.compile(r"[^A-Za-z0-9_.:-]")
#: Of the name of a step, and of the id of a call; a key has room for both, and for a number.
MOST_OF_A_NAME, MOST_OF_AN_ID = 140, 40


def clean(name: str, most: int = MOST_OF_A_NAME) -> str:
    """Return a name in the letters of a key, and short enough.

    Names that were different stay so: what was lost is hashed. Only the brackets of `<agent>`, as Pydantic AI calls an
    agent's own tools, go without a trace.
    """
    bare = name.replace("<agent>", "agent")
    plain = _FOREIGN.sub("-", bare).lstrip("_.:-")
    if plain == bare and 0 < len(plain) <= most:
        return plain
    return f"{plain[: most - 9]}-{blake2b(name.encode(), digest_size=4).hexdigest()}".lstrip("-")


class StepNames:
    """Numbers what one attempt comes to under the same name, in the order in which it comes to it.

    For libraries that name what they do, but not each time: a later attempt must come to the same in the same order.
    """

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def next(self, name: str, call_id: str | None = None) -> str:
        """Return the key of what is come to now: its name, the id of a call, and a number for all but the first."""
        key = clean(name) if call_id is None else f"{clean(name)}/{clean(call_id, MOST_OF_AN_ID)}"
        self._met[key] += 1
        number = self._met[key]
        return key if number == 1 else f"{key}/{number}"
