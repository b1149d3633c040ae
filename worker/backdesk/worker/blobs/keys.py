"""The names of blobs in their place: made of digests and checked names, so that no text of a user is a path.

`<deployment>/<tenant>/<owner>/<digest>`: what has another Redis shares no name, though it shares the place.
"""

from __future__ import annotations

import hashlib
import re

from backdesk.worker.model.blob import DEPLOYMENT_PATTERN, OWNER_PATTERN, BlobRef
from backdesk.worker.model.job import NAME_PATTERN

_OWNER = re.compile(OWNER_PATTERN)
_NAME = re.compile(NAME_PATTERN)
_DEPLOYMENT = re.compile(DEPLOYMENT_PATTERN)
_KEY = re.compile(r"([0-9a-f]{32}/[^/]+)/.+")
#: Enough of a digest that no two tenants have the same.
_TENANT_DIGITS = 32
#: Below a job, where the parts of blobs are that are not whole yet; no digest is called so.
PARTS = "parts"
#: How the owner of a blob begins that is a file which was attached, and no job.
ATTACHMENT = "attachment="


def check_deployment(deployment: str) -> str:
    """Return what names a deployment; raises ValueError for what does not."""
    if not _DEPLOYMENT.fullmatch(deployment):
        raise ValueError(f"{deployment[:128]!r} is no id of a deployment")
    return deployment


def tenant_of(tenant: str) -> str:
    """Return what stands for a tenant; raises ValueError for what is none."""
    if not _NAME.fullmatch(tenant):
        raise ValueError(f"{tenant[:128]!r} is no name of a tenant")
    return hashlib.sha256(f"tenant {tenant}".encode()).hexdigest()[:_TENANT_DIGITS]


def owned_by(deployment: str, tenant: str, owner: str) -> str:
    """Return the prefix of all that belongs to a job; raises ValueError for what is no id of one."""
    if not _OWNER.fullmatch(owner):
        raise ValueError(f"{owner[:128]!r} is no id of a job")
    return f"{check_deployment(deployment)}/{tenant_of(tenant)}/{owner}/"


def key_of(tenant: str, ref: BlobRef) -> str:
    """Return the key of a blob. What is encrypted has another than the same in the clear."""
    return f"{owned_by(ref.deployment, tenant, ref.owner)}{ref.sha256}{'.sealed' if ref.key else ''}"


def part_key(deployment: str, tenant: str, owner: str, name: str, *, sealed: bool) -> str:
    """Return the prefix of the parts of a blob that is not whole yet."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:_TENANT_DIGITS]
    return f"{owned_by(deployment, tenant, owner)}{PARTS}/{digest}{'.sealed' if sealed else ''}/"


def is_part(key: str) -> bool:
    """Whether a key, as `owner_in` takes it, is that of a part."""
    return key.startswith(f"{owner_in(key)}/{PARTS}/")


def owner_in(key: str) -> str:
    """Return `<tenant>/<owner>` of a key within its deployment; "" for a key that is not made here."""
    found = _KEY.fullmatch(key)
    return found[1] if found else ""
