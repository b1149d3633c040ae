"""The kinds of job that there are: those that workers have announced, whatever is installed here."""

from __future__ import annotations

import time

from backdesk.client.contracts import NamedKind, check_of_announced, name_of
from backdesk.client.operations.operation import Commands, Operation
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.contract import KindContract, RequestCheck
from backdesk.worker.settings import Settings
from backdesk.worker.store.fields import readable
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
        self._checks: dict[tuple[str, RequestCheck | None, type | None], RequestCheck] = {}
        self._read_at = float("-inf")

    def list(self) -> Operation[_Contracts]:
        """Return the contracts, by name."""
        (announced,) = yield Commands([("HGETALL", self._keys.kinds)])
        contracts = readable(announced.items(), KindContract.model_validate_json)
        return sorted(contracts, key=lambda contract: contract.kind)

    def check(self, kind: NamedKind, given: RequestCheck | None = None) -> Operation[RequestCheck]:
        """Return what checks requests of a kind; raises UnknownKind. A round trip only at times.

        With a check that the caller has `given`, the kind may be one that nobody has announced yet. What is done about
        suspicious text is for the workers to say, whose announcement goes before our own settings.
        """
        if given is not None and not given.guarded:
            return given
        stale = time.monotonic() - self._read_at > CONTRACTS_FRESH_S
        if stale or (given is None and name_of(kind) not in self._announced):
            self._announced = {contract.kind: contract for contract in (yield from self.list())}
            self._checks.clear()
            self._read_at = time.monotonic()
        key = name_of(kind), given, None if isinstance(kind, str) else kind.request
        if key not in self._checks:
            self._checks[key] = self._check_of(kind, given)
        return self._checks[key]

    def _check_of(self, kind: NamedKind, given: RequestCheck | None) -> RequestCheck:
        announced = self._announced.get(name_of(kind))
        if given is not None:
            return given.guarded_by((announced and announced.guard) or self._guard)
        if announced is None:
            raise UnknownKind(name_of(kind), sorted(self._announced))
        return check_of_announced(announced, kind)
