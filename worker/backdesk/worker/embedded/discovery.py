"""The place of the private Redis of a data folder, so that every command in that folder finds the same one.

The file `redis.json` names the server's URL and process id. It may outlive its server: it is believed only
while the server that answers at the URL has that process id.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

_FILE = "redis.json"
_TIMEOUT_S = 1


def announce(data_dir: Path, url: str, pid: int) -> None:
    """Write the address of a server into `data_dir`, over any earlier one; atomic."""
    address = {"url": url, "pid": pid, "started_at": datetime.now(UTC).isoformat()}
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(address) + "\n")
    draft.replace(data_dir / _FILE)


def find_running(data_dir: Path) -> str | None:
    """The URL announced in `data_dir` if that very server still answers, else None; never raises."""
    try:
        address = json.loads((data_dir / _FILE).read_text())
        url, pid = str(address["url"]), int(address["pid"])
        return url if pid_that_answers(url) == pid else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pid_that_answers(url: str) -> int | None:
    """The process id of the Redis that answers at this URL; None when none does or it is still loading."""
    once = Retry(NoBackoff(), 0)
    with Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=once) as client:
        try:
            client.ping()
            return int(client.info("server")["process_id"])
        except RedisError:
            return None
