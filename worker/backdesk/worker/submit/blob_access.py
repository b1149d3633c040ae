"""The way to the blobs of a deployment, which its Redis names."""

from __future__ import annotations

from functools import partial

from backdesk.worker.blobs.access import BlobAccess
from backdesk.worker.settings import Settings
from backdesk.worker.store.identity import identify


def blobs_of(settings: Settings, url: str | None = None) -> BlobAccess:
    """Return the way to the blobs of the deployment on a Redis, that of the settings unless another is named."""
    return BlobAccess(settings, partial(identify, settings, url or settings.url))
