"""The kinds of job that can be submitted: those that workers have announced."""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.client.job_client import JobClient
from backdesk.worker.errors import UnknownKind
from backdesk.worker.model.contract import KindContract


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind's contract, and how many live workers run it."""

    contract: KindContract
    workers: int


def offers(client: JobClient) -> list[Offer]:
    """Return every kind, by name."""
    running = [kind for worker in client.workers() if not worker.draining for kind in worker.kinds]
    return [Offer(contract, running.count(contract.kind)) for contract in client.kinds()]


def offer_of(client: JobClient, kind: str) -> Offer:
    """Return one kind; raises UnknownKind."""
    known = {offer.contract.kind: offer for offer in offers(client)}
    if kind not in known:
        raise UnknownKind(kind, list(known))
    return known[kind]


def contract_of(client: JobClient, kind: str) -> KindContract:
    """Return the contract of one kind; raises UnknownKind."""
    known = {contract.kind: contract for contract in client.kinds()}
    if kind not in known:
        raise UnknownKind(kind, list(known))
    return known[kind]
