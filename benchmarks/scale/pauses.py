"""The pauses of Redis: how long its slowest commands held up all others, by its own clock (`SLOWLOG`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import redis

from backdesk.worker import store
from backdesk.worker.store.calls import text
from backdesk.worker.store.scripts import load_script

#: What is shorter is not looked at. µs.
NOTED_US = 200


@dataclass(frozen=True, slots=True)
class Scene:
    """What a scene cost: scripts that ran, their mean, and the slowest with its name."""

    name: str
    calls: int
    mean_us: float
    worst_ms: float
    slowest: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class PauseLog:
    """Watches one server. Nothing else may use it meanwhile."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        scripts = Path(store.__file__).parent / "lua"
        self._names = {load_script(path.stem).sha: path.stem for path in scripts.glob("*.lua")}
        client.config_set("slowlog-log-slower-than", NOTED_US)
        client.config_set("slowlog-max-len", 1000)
        self.scenes: list[Scene] = []

    @contextmanager
    def scene(self, name: str) -> Iterator[None]:
        """Note what the scripts of the block cost."""
        self._client.slowlog_reset()
        calls, spent_us = self._counted()
        yield
        calls_after, spent_after = self._counted()
        made = calls_after - calls
        worst_us, slowest = max(self._slow(), default=(0, ""))
        mean_us = (spent_after - spent_us) / made if made else 0.0
        self.scenes.append(Scene(name, made, round(mean_us, 1), worst_us / 1000, slowest))

    def _counted(self) -> tuple[int, int]:
        stats: Any = self._client.info("commandstats").get("cmdstat_evalsha", {})
        return int(stats.get("calls", 0)), int(stats.get("usec", 0))

    def _slow(self) -> Iterator[tuple[int, str]]:
        entries: Any = self._client.slowlog_get(1000)
        for entry in entries:
            words = text(entry["command"]).split(" ")
            sha = words[1] if len(words) > 1 else ""
            yield int(entry["duration"]), self._names.get(sha, words[0].lower())
