"""The kinds for which a worker takes jobs in: its own, and those that others have announced."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from backdesk.worker.attempt.registry import TaskSpec
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.contract import KindContract, ModelCheck, RequestCheck, SchemaCheck
from backdesk.worker.settings import Settings
from backdesk.worker.store.calls import text
from backdesk.worker.store.keys import Keys


class KnownKinds:
    """What is known of kinds now; Redis is asked each time."""

    def __init__(self, client: redis.Redis, settings: Settings, own: Mapping[str, TaskSpec]) -> None:
        self._client = client
        self._own = own
        self._guard = settings.guard
        self._announced = Keys(settings.prefix).kinds

    def names(self) -> set[str]:
        """Return the names of all of them."""
        return {*self._own, *map(text, self._client.hkeys(self._announced))}

    def check(self, kind: str) -> RequestCheck:
        """Return what checks a request of a kind; raises UnknownKind, with those that there are."""
        if (spec := self._own.get(kind)) is not None:
            return ModelCheck(spec.queue, spec.request, self._guard)
        announced = self._client.hget(self._announced, kind)
        if announced is None:
            raise UnknownKind(kind, sorted(self.names()))
        return SchemaCheck(KindContract.model_validate_json(announced))
