"""Stores of blobs: in a folder, and in an object store that speaks S3 over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backdesk.worker.blobs.opening import open_blobs
from backdesk.worker.blobs.store import BlobStore
from backdesk.worker.settings import load_settings
from tests.support.object_store import ObjectStore, object_store

DEPLOYMENT = "0123456789abcdef"

#: Opens a store, of any of the settings of one.
Opened = Callable[..., BlobStore]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[ObjectStore]:
    with object_store() as server:
        yield server


@pytest.fixture
def s3(s3_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.new_bucket()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return (tmp_path / "blobs").as_uri()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def open_at(url: str, deployment: str = DEPLOYMENT, **settings: object) -> BlobStore:
        return open_blobs(load_settings(blobs_url=url, data_dir=tmp_path, **settings), deployment)

    return open_at
