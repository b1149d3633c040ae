from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from backdesk.worker.blobs.objects import Kept
from backdesk.worker.blobs.source import Source
from backdesk.worker.errors import BlobCorrupt, BlobNotFound, BlobStoreUnavailable, BlobTooLarge, ConfigurationError
from backdesk.worker.model.blob import BlobRef
from backdesk.worker.settings import load_settings
from tests.support.workers import ROOT
from tests.worker.blobs.conftest import DEPLOYMENT, Opened

LARGE = bytes(range(256)) * 10_000


def files_of(url: str) -> list[Path]:
    return [path for path in Path(url.removeprefix("file://")).rglob("*") if path.is_file()]


def test_what_was_put_is_read(place: str, opened: Opened) -> None:
    ref = opened(place).put(LARGE, tenant="acme", job="job-1", media_type="text/csv", name="table.csv")
    assert (ref.bytes, ref.media_type, ref.name, ref.id) == (len(LARGE), "text/csv", "table.csv", f"job-1/{ref.sha256}")
    assert opened(place).read(ref, "acme") == LARGE


@pytest.mark.parametrize("source", ["file", "stream", "iterable", "nothing"])
def test_a_blob_comes_from_a_file_a_stream_or_an_iterable(
    folder: str, opened: Opened, tmp_path: Path, source: str
) -> None:
    (tmp_path / "file").write_bytes(LARGE)
    sources: dict[str, Source] = {
        "file": tmp_path / "file",
        "stream": io.BytesIO(LARGE),
        "iterable": [LARGE[:7], LARGE[7:]],
        "nothing": b"",
    }
    store = opened(folder)
    ref = store.put(sources[source], tenant="acme", job="job-1")
    assert store.read(ref, "acme") == (b"" if source == "nothing" else LARGE)


def test_another_tenant_finds_no_blob(place: str, opened: Opened) -> None:
    store = opened(place)
    ref = store.put(b"private", tenant="acme", job="job-1")
    with pytest.raises(BlobNotFound):
        store.read(ref, "globex")


def test_the_same_bytes_for_a_job_are_one_blob(place: str, opened: Opened) -> None:
    store = opened(place)
    assert store.put(b"once", tenant="acme", job="job-1") == store.put(b"once", tenant="acme", job="job-1")
    assert len(store.kept("job-1", "acme")) == 1


def test_a_job_is_forgotten_with_all_that_is_its_and_nothing_else(place: str, opened: Opened) -> None:
    store = opened(place)
    gone = store.put(b"one", tenant="acme", job="job-1")
    kept = [store.put(b"one", tenant=tenant, job=job) for tenant, job in [("acme", "job-11"), ("globex", "job-1")]]
    store.parts("export", tenant="acme", job="job-1").put(0, b"part")
    store.forget("job-1", "acme")
    store.forget("job-1", "acme")
    with pytest.raises(BlobNotFound):
        store.read(gone, "acme")
    assert store.kept("job-1", "acme") == []
    assert store.read(kept[0], "acme") == store.read(kept[1], "globex") == b"one"


def test_a_copy_belongs_to_another_job(place: str, opened: Opened) -> None:
    store = opened(place)
    copied = store.copy(store.put(b"words", tenant="acme", job="job-1"), "acme", job="job-2")
    store.forget("job-1", "acme")
    assert store.read(copied, "acme") == b"words"


def test_a_copy_of_what_another_tenant_has_is_refused(place: str, opened: Opened) -> None:
    store = opened(place)
    with pytest.raises(BlobNotFound):
        store.copy(store.put(b"words", tenant="acme", job="job-1"), "globex", job="job-2")


def test_owners_are_listed_with_their_bytes(place: str, opened: Opened) -> None:
    store = opened(place)
    store.put(b"four", tenant="acme", job="job-1")
    store.put(b"seven..", tenant="acme", job="job-1")
    store.put(b"x", tenant="globex", job="job-2")
    assert {owner.split("/")[1]: each.bytes for owner, each in store.owners().items()} == {"job-1": 11, "job-2": 1}
    (mine,) = store.owners("globex")
    store.forget_owner(mine)
    assert store.owners("globex") == {}


def test_blobs_are_paged_through_in_an_order_that_goes_on_after_any_of_them(place: str, opened: Opened) -> None:
    store = opened(place)
    for tenant, job in [("acme", "job"), ("acme", "job-1"), ("acme", "job.1"), ("globex", "job")]:
        store.put(b"x", tenant=tenant, job=job)
        store.parts("export", tenant=tenant, job=job).put(0, b"part")
    store.note_sweep(1)
    all_of_them = store.page("", 100)
    after, pages = "", list[Kept]()
    while page := store.page(after, 3):
        pages += page
        after = page[-1].key
    assert len({each.key for each in all_of_them}) == len(all_of_them) >= 8
    assert pages == all_of_them
    store.forget("job", "acme")
    assert store.page(all_of_them[0].key, 100) == [each for each in store.page("", 100) if each != all_of_them[0]]


def test_deployments_that_share_a_place_meet_nowhere(place: str, opened: Opened) -> None:
    ours, theirs = opened(place), opened(place, "f" * 16)
    kept = [store.put(b"the same", tenant="acme", job="job-1") for store in (ours, theirs)]
    assert [store.others() for store in (ours, theirs)] == [["f" * 16], [DEPLOYMENT]]
    ours.forget("job-1", "acme")
    assert (ours.owners(), len(theirs.owners())) == ({}, 1)
    assert ours.read(kept[1], "acme") == b"the same"  # what a reference names is where it says


def test_folders_that_nothing_is_left_in_are_removed(folder: str, opened: Opened) -> None:
    store = opened(folder)
    store.put(b"x", tenant="acme", job="job-1")
    store.put(b"x", tenant="globex", job="job-1")
    store.forget("job-1", "acme")
    assert len([*Path(folder.removeprefix("file://"), "backdesk", DEPLOYMENT).iterdir()]) == 1


def test_a_bit_that_has_flipped_is_refused(folder: str, opened: Opened) -> None:
    store = opened(folder)
    ref = store.put(LARGE, tenant="acme", job="job-1")
    (path,) = files_of(folder)
    path.write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    with pytest.raises(BlobCorrupt, match="SHA-256"):
        store.read(ref, "acme")


@pytest.mark.parametrize("changed", [LARGE[:-1], LARGE + b"x", b""], ids=["cut", "longer", "empty"])
def test_a_blob_of_another_length_is_refused(folder: str, opened: Opened, changed: bytes) -> None:
    store = opened(folder)
    ref = store.put(LARGE, tenant="acme", job="job-1")
    files_of(folder)[0].write_bytes(changed)
    with pytest.raises(BlobCorrupt):
        store.read(ref, "acme")


def test_a_file_appears_when_all_of_it_was_checked(folder: str, opened: Opened, tmp_path: Path) -> None:
    store = opened(folder)
    ref = store.put(LARGE, tenant="acme", job="job-1")
    store.save(ref, "acme", tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == LARGE
    files_of(folder)[0].write_bytes(LARGE[1:])
    with pytest.raises(BlobCorrupt):
        store.save(ref, "acme", tmp_path / "broken")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["saved"]


def test_a_writer_that_fails_leaves_nothing(place: str, opened: Opened) -> None:
    def failing() -> Iterator[bytes]:
        yield LARGE
        raise RuntimeError("lost")

    store = opened(place)
    with pytest.raises(RuntimeError, match="lost"):
        store.put(failing(), tenant="acme", job="job-1")
    assert store.owners() == {}
    assert not place.startswith("file:") or files_of(place) == []


def test_more_than_the_limit_is_refused_as_it_comes(place: str, opened: Opened) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield LARGE

    store = opened(place, max_blob_bytes=3 * len(LARGE))
    with pytest.raises(BlobTooLarge, match="BACKDESK_MAX_BLOB_BYTES"):
        store.put(endless(), tenant="acme", job="job-1")
    assert store.owners() == {}


@pytest.mark.parametrize("job", ["../acme", "..", "a/b", "/etc", "", "a\0b", "~a", "é", "a\n"])
def test_a_job_whose_id_could_be_a_path_is_refused(folder: str, opened: Opened, job: str) -> None:
    store = opened(folder)
    with pytest.raises(ValueError, match="job"):
        store.put(b"x", tenant="acme", job=job)
    with pytest.raises(ValueError, match="owner"):
        BlobRef(owner=job, deployment=DEPLOYMENT, sha256="0" * 64, bytes=1)


@pytest.mark.parametrize("sha256", ["../" + "0" * 61, "0" * 63 + "/", "0" * 64 + "\n", "A" * 64])
def test_a_reference_whose_digest_could_be_a_path_is_refused(sha256: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        BlobRef(owner="job-1", deployment=DEPLOYMENT, sha256=sha256, bytes=1)


def test_a_name_of_a_file_is_never_a_path(folder: str, opened: Opened) -> None:
    ref = opened(folder).put(b"x", tenant="acme", job="job-1", name="../../etc/passwd")
    assert files_of(folder) == [path for path in files_of(folder) if path.name == ref.sha256]


def test_files_are_for_their_owner_alone(folder: str, opened: Opened) -> None:
    opened(folder).put(b"x", tenant="acme", job="job-1")
    paths = [*Path(folder.removeprefix("file://")).rglob("*")]
    assert paths
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in paths)


def test_a_blob_of_another_store_says_what_to_share(opened: Opened, tmp_path: Path) -> None:
    ref = opened((tmp_path / "producer").as_uri()).put(b"x", tenant="acme", job="job-1")
    with pytest.raises(
        BlobNotFound, match=r"written to file:///.*/producer/backdesk; .* must share BACKDESK_BLOBS_URL"
    ):
        opened((tmp_path / "worker").as_uri()).read(ref, "acme")


def test_parts_go_on_after_a_crash(place: str, opened: Opened) -> None:
    writer = opened(place).parts("export", tenant="acme", job="job-1")
    writer.put(0, b"one,")
    writer.put(2, b"three")
    again = opened(place).parts("export", tenant="acme", job="job-1")
    assert again.there() == {0: 4, 2: 5}
    with pytest.raises(BlobNotFound, match="part 1"):
        again.compose(3)
    again.put(1, b"two,")
    ref = again.compose(3, media_type="text/csv", name="all.csv")
    assert again.compose(3, media_type="text/csv", name="all.csv") == ref
    again.discard()
    assert again.there() == {}
    assert opened(place).read(ref, "acme") == b"one,two,three"


def test_a_link_of_an_object_store_needs_no_credentials_and_saves_a_file(s3: str, opened: Opened) -> None:
    store = opened(s3)
    link = store.link(
        store.put(LARGE, tenant="acme", job="job-1", name="tá/ble.csv", media_type="text/csv"), "acme", 60
    )
    assert link is not None
    with urlopen(link) as answer:  # noqa: S310 - of this machine
        assert answer.read() == LARGE
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''t%C3%A1%2Fble.csv"
        assert answer.headers["Content-Type"] == "text/csv"
    assert "tester's secret" not in link


def test_a_folder_has_no_links(folder: str, opened: Opened) -> None:
    store = opened(folder)
    assert store.link(store.put(b"x", tenant="acme", job="job-1"), "acme") is None


def test_a_store_says_whether_it_can_be_used(place: str, opened: Opened) -> None:
    store = opened(place)
    store.check()
    assert store.owners() == {}


def test_a_folder_that_cannot_be_written_says_so(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BlobStoreUnavailable, match="cannot be used: Not a directory"):
        opened((tmp_path / "file" / "blobs").as_uri()).check()


def test_a_bucket_that_is_not_there_says_so(s3: str, opened: Opened) -> None:
    with pytest.raises(
        BlobStoreUnavailable, match="s3://nowhere/backdesk cannot be used: The specified bucket does not exist"
    ):
        opened(s3.replace(s3.split("/")[2], "nowhere").replace("/some/prefix", "")).check()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("gs://bucket", "must be file:///DIRECTORY"),
        ("file://relative", "must be file:///DIRECTORY"),
        ("s3://", "must name a bucket"),
        ("s3://key:secret@bucket", "must name no user"),
    ],
)
def test_a_wrong_address_is_refused_without_being_repeated(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as refused:
        load_settings(blobs_url=url)
    assert "secret" not in str(refused.value)


def test_an_option_that_no_object_store_has_is_named(opened: Opened) -> None:
    with pytest.raises(ConfigurationError, match="'endpint' is none of endpoint, region"):
        opened("s3://bucket?endpint=http://127.0.0.1")


def test_an_object_store_without_its_library_says_what_to_install(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigurationError, match=r'pip install "backdesk\[blobs\]"'):
        opened("s3://bucket")


WRITER = """
import sys
from backdesk.worker.blobs.opening import open_blobs
from backdesk.worker.settings import load_settings

def endless():
    while True:
        yield bytes(100_000)
        print("written", flush=True)

open_blobs(load_settings(blobs_url=sys.argv[1]), "0123456789abcdef").put(endless(), tenant="acme", job="job-1")
"""


def test_a_writer_that_is_killed_leaves_nothing_that_anybody_sees_and_nothing_for_long(
    folder: str, opened: Opened
) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, folder], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    store = opened(folder)
    assert store.owners() == {}
    (left,) = files_of(folder)
    store.tidy()
    assert left.exists()  # it might still be written
    os.utime(left, (0, 0))
    store.tidy()
    assert files_of(folder) == []
