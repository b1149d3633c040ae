"""The kinds of job that can be submitted: those that workers have announced, and those whose models are installed."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.client import JobClient
from backdesk.kinds.contracts import KINDS
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.contract import KindContract


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind's contract, and whether a worker has announced it."""

    contract: KindContract
    announced: bool


def offers(client: JobClient) -> list[Offer]:
    """Return every kind by name; where both are known, the announced contract is the one that counts."""
    announced = {contract.kind: Offer(contract, announced=True) for contract in client.kinds()}
    installed = {kind: Offer(contract, announced=False) for kind, contract in _installed().items()}
    return [offer for _, offer in sorted((installed | announced).items())]


def offer_of(client: JobClient, kind: str) -> Offer:
    """Return one kind; raises UnknownKind."""
    known = {offer.contract.kind: offer for offer in offers(client)}
    if kind not in known:
        raise UnknownKind(kind, list(known))
    return known[kind]


def contract_of(client: JobClient, kind: str) -> KindContract:
    """Return the contract that a submitted request is checked by: the installed one, else the announced one.

    Raises UnknownKind.
    """
    return _installed().get(kind) or offer_of(client, kind).contract


def _installed() -> dict[str, KindContract]:
    return {kind: KindContract.of(kind, m.queue, m.request, m.result) for kind, m in KINDS.items()}
