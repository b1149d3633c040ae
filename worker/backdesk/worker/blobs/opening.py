"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from backdesk.worker.address import read_keys
from backdesk.worker.blobs.bucket import Bucket
from backdesk.worker.blobs.folder import Folder
from backdesk.worker.blobs.objects import Objects
from backdesk.worker.blobs.sealing import Keyring
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.settings import Settings

#: Within the data directory, where no other place is named.
FOLDER = "blobs"


def open_blobs(settings: Settings, deployment: str) -> BlobStore:
    """Return the store of these settings, which do not have it off; nothing is written or reached yet.

    Deployments may share a place: each has a part of its own, by its prefix and by the id that its Redis has.

    Raises ConfigurationError where a library is missing that an object store or encryption takes.
    """
    keys = read_keys(settings.blobs_key.get_secret_value()) if settings.blobs_key else []
    return BlobStore(_objects(settings), Keyring(keys), settings.max_blob_bytes, deployment)


def _objects(settings: Settings) -> Objects:
    if not settings.blobs_url:
        return Folder(settings.data_dir / FOLDER / settings.prefix)
    if settings.blobs_url.startswith("s3:"):
        return Bucket(settings.blobs_url, settings.prefix)
    return Folder(Path(url2pathname(urlsplit(settings.blobs_url).path)) / settings.prefix)
