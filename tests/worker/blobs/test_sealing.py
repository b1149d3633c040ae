from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path

import pytest

from backdesk.worker.blobs.objects import CHUNK
from backdesk.worker.errors import BlobCorrupt, BlobLocked, ConfigurationError
from backdesk.worker.settings import load_settings
from tests.worker.blobs.conftest import Opened
from tests.worker.blobs.test_store import files_of

OLD, NEW = (b64encode(letter * 32).decode() for letter in (b"o", b"n"))
#: The sealed head, before the first chunk.
HEAD = 70
SEALED_CHUNK = CHUNK + 16


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_encrypted_is_read_with_the_key(folder: str, opened: Opened, size: int) -> None:
    data = b"secret" * (size // 6) + b"s" * (size % 6)
    store = opened(folder, blobs_key=NEW)
    ref = store.put(data, tenant="acme", job="job-1")
    assert store.read(ref, "acme") == data
    assert b"secret" not in files_of(folder)[0].read_bytes()


def test_an_object_store_holds_nothing_in_the_clear(s3: str, opened: Opened) -> None:
    store = opened(s3, blobs_key=NEW)
    ref = store.put(b"secret" * CHUNK, tenant="acme", job="job-1")
    assert store.read(ref, "acme") == b"secret" * CHUNK
    assert store.link(ref, "acme") is None


def test_without_the_key_it_says_which_is_wanted(folder: str, opened: Opened) -> None:
    ref = opened(folder, blobs_key=OLD).put(b"secret", tenant="acme", job="job-1")
    with pytest.raises(BlobLocked, match=f"under the key {ref.key}, and BACKDESK_BLOBS_KEY here has"):
        opened(folder, blobs_key=NEW).read(ref, "acme")
    with pytest.raises(BlobLocked, match="no key at all"):
        opened(folder).read(ref, "acme")


def test_the_first_key_writes_and_all_read(folder: str, opened: Opened) -> None:
    old = opened(folder, blobs_key=OLD).put(b"old", tenant="acme", job="job-1")
    both = opened(folder, blobs_key=f"{NEW},{OLD}")
    new = both.put(b"new", tenant="acme", job="job-1")
    assert (both.read(old, "acme"), opened(folder, blobs_key=NEW).read(new, "acme")) == (b"old", b"new")


def test_what_was_written_before_there_was_a_key_is_read(folder: str, opened: Opened) -> None:
    ref = opened(folder).put(b"clear", tenant="acme", job="job-1")
    assert opened(folder, blobs_key=NEW).read(ref, "acme") == b"clear"


def _swapped(data: bytes) -> bytes:
    first, second = data[HEAD : HEAD + SEALED_CHUNK], data[HEAD + SEALED_CHUNK : HEAD + 2 * SEALED_CHUNK]
    return data[:HEAD] + second + first + data[HEAD + 2 * SEALED_CHUNK :]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:30] + bytes([data[30] ^ 1]) + data[31:],
        lambda data: data[: HEAD + SEALED_CHUNK],
        lambda data: data[:HEAD],
        lambda data: data[:10],
        lambda _: b"",
        _swapped,
    ],
    ids=["bit", "bit of the head", "cut between chunks", "head alone", "half a head", "empty", "chunks swapped"],
)
def test_what_was_changed_is_refused(folder: str, opened: Opened, change: object) -> None:
    store = opened(folder, blobs_key=NEW)
    ref = store.put(bytes(3 * CHUNK), tenant="acme", job="job-1")
    (path,) = files_of(folder)
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]  # of the list above
    with pytest.raises(BlobCorrupt):
        store.read(ref, "acme")


def test_a_blob_in_the_place_of_another_tenants_is_refused(folder: str, opened: Opened) -> None:
    store = opened(folder, blobs_key=NEW)
    theirs = store.put(b"same", tenant="globex", job="job-1")
    (stolen,) = files_of(folder)
    kept = stolen.read_bytes()
    mine = store.put(b"same", tenant="acme", job="job-1")
    (place,) = {*files_of(folder)} - {stolen}
    place.write_bytes(kept)
    assert store.read(theirs, "globex") == b"same"
    with pytest.raises(BlobCorrupt, match="another's"):
        store.read(mine, "acme")


def test_parts_are_encrypted_too(folder: str, opened: Opened) -> None:
    writer = opened(folder, blobs_key=NEW).parts("export", tenant="acme", job="job-1")
    writer.put(0, b"secret")
    assert b"secret" not in files_of(folder)[0].read_bytes()
    assert opened(folder, blobs_key=NEW).read(writer.compose(1), "acme") == b"secret"


@pytest.mark.parametrize("key", ["short", NEW[:-4], f"{NEW},", "é" * 44])
def test_a_wrong_key_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="must be 32 bytes in base64") as refused:
        load_settings(blobs_key=key)
    assert key not in str(refused.value)


def test_a_key_is_in_no_text_of_the_settings_or_the_store(folder: str, opened: Opened) -> None:
    store = opened(folder, blobs_key=NEW)
    parts = store.parts("export", tenant="acme", job="job-1")
    assert (
        NEW
        not in repr(load_settings(blobs_key=NEW))
        + repr(store)
        + repr(parts)
        + load_settings(blobs_key=NEW).model_dump_json()
    )


def test_encryption_without_its_library_says_what_to_install(
    folder: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ConfigurationError, match=r'pip install "backdesk\[blobs\]"'):
        opened(folder, blobs_key=NEW)


def test_a_folder_in_the_clear_needs_no_library(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("obstore", "obstore.store", "cryptography", "cryptography.hazmat.primitives.ciphers.aead"):
        monkeypatch.setitem(sys.modules, name, None)
    store = opened((tmp_path / "blobs").as_uri())
    assert store.read(store.put(b"x", tenant="acme", job="job-1"), "acme") == b"x"
