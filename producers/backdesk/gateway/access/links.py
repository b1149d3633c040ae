"""Signed links: what somebody without a key may do for a while, with one job."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from backdesk.gateway.access.signing import Signer
from backdesk.gateway.errors import LinkRefused

#: How tokens of links begin.
MARK = "bdl_"


class Purpose(StrEnum):
    """What a link is good for."""

    #: See a job and follow its events.
    WATCH = "watch"
    #: See what one ask asks, and answer it.
    ANSWER = "answer"


class Link(BaseModel):
    """What a link allows: with one job of a tenant, and for `answer` with one ask of it. `by` has given it away."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    tenant: str
    ask: str = ""
    by: str = ""
    key_id: str = ""


def written(signer: Signer, purpose: Purpose, link: Link, valid_s: float) -> str:
    """Return the token of a link. Raises ConfigurationError."""
    return MARK + signer.sign(purpose, valid_s, **link.model_dump(exclude_defaults=True))


def read(signer: Signer, purpose: Purpose, token: str) -> Link:
    """Return what a token allows for a purpose. Raises LinkRefused, whatever is wrong with it."""
    claims = signer.read(purpose, token.removeprefix(MARK)) if token.startswith(MARK) else None
    if claims is None:
        raise LinkRefused
    return Link(**{name: claims[name] for name in claims.keys() & Link.model_fields})


def paths_of(link: Link) -> frozenset[str]:
    """Return the addresses at which a link that watches is good."""
    return frozenset({f"/v1/jobs/{link.job_id}", f"/v1/jobs/{link.job_id}/events"})
