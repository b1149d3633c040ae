"""What a server says that answers, and yet does not do what it is asked."""

from __future__ import annotations

import re
from typing import Any

from redis.exceptions import RedisError

#: Codes with which a server says "not now", and what to do about each.
REMEDIES = {
    "OOM": "it is full: raise its maxmemory, or lower BACKDESK_RETENTION_S; no job is lost meanwhile",
    "READONLY": "it is a replica: point BACKDESK_REDIS_URL at the primary, or end its REPLICAOF",
    "LOADING": "it is reading its data after a start: wait",
    "BUSY": "a script of somebody holds it up: SCRIPT KILL ends that",
    "MASTERDOWN": "it is a replica that has lost its primary: point BACKDESK_REDIS_URL at the primary",
    "TRYAGAIN": "it is moving data: wait",
    "NOREPLICAS": "too few replicas are connected: mend them, or lower its min-replicas-to-write",
    "MISCONF": "it cannot write to its disk: free space there, and read its log",
    "UNBLOCKED": "it has become a replica: wait until the address leads to the new primary",
}
#: Those of a server that is, or may be, no longer the one that the address leads to: one that was demoted, one that a
#: partition has cut off from its replicas, one that has only just started.
NOT_PRIMARY = frozenset({"READONLY", "MASTERDOWN", "NOREPLICAS", "UNBLOCKED", "LOADING"})
#: Redis before 7 puts an error inside a script into a sentence about the script, and redis-py one of a pipeline into a
#: sentence about its command; no class or code may be left of it then.
_REFUSAL = re.compile(
    rf"(?:Command # \d+ \(.*\) of pipeline caused error: )?(?:Error running script .*: -)?({'|'.join(REMEDIES)}) ",
    re.DOTALL,
)


def refusal(error: BaseException) -> str | None:
    """Return the code if a server said "not now" (a key of `REMEDIES`), else None.

    Redis refuses a script before its first write, so one that was refused has had no effect.
    """
    if not isinstance(error, RedisError):
        return None
    match = _REFUSAL.match(str(error))
    return error.status_code if error.status_code in REMEDIES else match and match[1]


def answered(reply: Any) -> Any:
    """Return a reply of a pipeline, or the error that says that a key holds something else; raises any other."""
    if isinstance(reply, Exception) and not str(reply).startswith("WRONGTYPE"):
        raise reply
    return reply
