"""The kinds of job that there are: those that workers have announced, whatever is installed here."""

from __future__ import annotations

import time

from backdesk.client.contracts import check_of_announced
from backdesk.client.operation import Commands, Operation
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.contract import KindContract, RequestCheck
from backdesk.worker.settings import Settings
from backdesk.worker.store.keys import Keys

# Named here because inside the class `list` is a method.
_Contracts = list[KindContract]

#: Announced contracts are believed for this long before they are read again. Seconds.
CONTRACTS_FRESH_S = 30.0


class AnnouncedKinds:
    """What workers have announced, as one client remembers it."""

    def __init__(self, settings: Settings) -> None:
        self._keys = Keys(settings.prefix)
        self._guard = settings.guard
        self._announced: dict[str, KindContract] = {}
        self._checks: dict[tuple[str, RequestCheck | None], RequestCheck] = {}
        self._read_at = float("-inf")

    def list(self) -> Operation[_Contracts]:
        """Return the contracts, by name."""
        (announced,) = yield Commands([("HGETALL", self._keys.kinds)])
        return sorted((KindContract.model_validate_json(raw) for raw in announced.values()), key=lambda c: c.kind)

    def check(self, kind: str, given: RequestCheck | None = None) -> Operation[RequestCheck]:
        """Return what checks requests of a kind; raises UnknownKind. A round trip only at times.

        With a check that the caller has `given`, the kind may be one that nobody has announced yet. What is done about
        suspicious text is for the workers to say, whose announcement goes before our own settings.
        """
        if given is not None and not given.guarded:
            return given
        stale = time.monotonic() - self._read_at > CONTRACTS_FRESH_S
        if stale or (given is None and kind not in self._announced):
            self._announced = {contract.kind: contract for contract in (yield from self.list())}
            self._checks.clear()
            self._read_at = time.monotonic()
        if (kind, given) not in self._checks:
            self._checks[kind, given] = self._check_of(kind, given)
        return self._checks[kind, given]

    def _check_of(self, kind: str, given: RequestCheck | None) -> RequestCheck:
        announced = self._announced.get(kind)
        if given is not None:
            return given.guarded_by((announced and announced.guard) or self._guard)
        if announced is None:
            raise UnknownKind(kind, sorted(self._announced))
        return check_of_announced(announced)
