"""The names of tools."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

#: Names of functions are so long at most with the providers of models, which take letters, digits, `_` and `-`.
LONGEST = 64
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")


def tool_names(kinds: Iterable[str], taken: frozenset[str]) -> dict[str, str]:
    """Return the kind that each name of a tool stands for: its own name, with `_` for what models cannot call.

    Where that would be another's name too, or is too long, the kind's name is told apart by a part of its hash. A kind
    whose name needs no change keeps it, whatever else there is.
    """
    plain = {kind: _REFUSED.sub("_", kind) for kind in kinds}
    claimed = Counter(plain.values())
    claimed.update(taken)
    return {_name(kind, name, claimed[name] == 1, name in taken): kind for kind, name in plain.items()}


def _name(kind: str, plain: str, alone: bool, taken: bool) -> str:
    if len(plain) <= LONGEST and not taken and (alone or plain == kind):
        return plain
    mark = hashlib.sha256(kind.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST - 1 - len(mark)]}_{mark}"
