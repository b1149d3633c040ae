"""Files for requests: kept for a time, by tenant, no more than there is room for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from backdesk.worker.blobs.keys import tenant_of
from backdesk.worker.errors import InvalidRequest, StoreFull
from backdesk.worker.memory.calls import MemoryCalls
from backdesk.worker.model.attachment import media_type_of
from backdesk.worker.services.blob_sweeper import BlobSweeper
from backdesk.worker.submit.blob_access import blobs_of
from tests.client.conftest import Connect
from tests.support.board import NOON_MS, Board
from tests.support.clients import Client
from tests.support.workers import fast_settings

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"


async def test_a_file_comes_back_by_its_id_as_it_was(jobs: Client, tmp_path: Path) -> None:
    (tmp_path / "back.png").write_bytes(PNG)
    photo = await jobs.attachments.add(tmp_path / "back.png", tenant="acme")
    assert (photo.name, photo.url) == ("back.png", None)
    assert await jobs.attachments.read(photo.id or "", tenant="acme") == PNG


async def test_the_same_bytes_have_the_same_id_and_count_once(connected: Connect, board: Board) -> None:
    jobs = connected(max_tenant_attachment_bytes=40)
    first = await jobs.attachments.add(b"hello, world: a text", "a.txt", tenant="acme")
    second = await jobs.attachments.add(b"hello, world: a text", "b.md", tenant="acme")
    assert first.id == second.id
    assert (await jobs.tenants.get("acme")).attached == 20
    assert (await jobs.tenants.get("other")).attached == 0


async def test_a_tenant_has_room_for_so_many_bytes_and_again_when_some_are_forgotten(connected: Connect) -> None:
    jobs = connected(max_tenant_attachment_bytes=25)
    first = await jobs.attachments.add(b"x" * 20, tenant="acme")
    with pytest.raises(InvalidRequest, match=r"of 25 bytes .* 20 are taken .*; attach it later"):
        await jobs.attachments.add(b"y" * 6, tenant="acme")
    await jobs.attachments.add(b"y" * 6, tenant="other")
    assert await jobs.attachments.forget(first.id or "", tenant="acme")
    assert not await jobs.attachments.forget(first.id or "", tenant="acme")
    await jobs.attachments.add(b"y" * 25, tenant="acme")


def test_what_has_expired_makes_room(board: Board) -> None:
    def attach(at_s: int, data: bytes) -> Any:
        settings = board.settings.model_copy(
            update={"attachment_retention_s": 60, "max_tenant_attachment_bytes": 30, "prefix": board.keys.prefix}
        )
        calls = MemoryCalls(settings, lambda: NOON_MS + at_s * 1000)
        return board.run(calls.attach("acme", data))

    assert attach(0, b"a" * 20).startswith("att-")
    assert isinstance(attach(59, b"b" * 20), InvalidRequest)
    assert attach(61, b"b" * 20).startswith("att-")
    assert board.client.get(board.keys.attached("acme")) == b"20"
    assert board.client.zcard(board.keys.attachments("acme")) == 1


async def test_a_file_that_is_read_is_kept_for_longer(connected: Connect, board: Board) -> None:
    photo = await connected(attachment_retention_s=100).attachments.add(PNG, tenant="acme")
    key = board.keys.attachment("acme", (photo.id or "").removeprefix("att-"))
    await connected(attachment_retention_s=5000).attachments.read(photo.id or "", tenant="acme")
    for each in (key, board.keys.attachments("acme"), board.keys.attached("acme")):
        assert 4000 < board.client.ttl(each) <= 5000


@pytest.fixture
def large(connected: Connect, board: Board, tmp_path: Path) -> Client:
    """A client for which a file of 5,000 bytes is large."""
    return connected(blob_over_bytes=2000, blobs_url=(tmp_path / "blobs").as_uri(), max_tenant_attachment_bytes=9000)


def blobs_of_files(client: Client) -> set[str]:
    return {owner.partition("/")[2] for owner in blobs_of(client.core.settings).store.owners()}


async def test_a_large_file_is_kept_among_the_blobs_and_read_by_the_same_call(large: Client, board: Board) -> None:
    photo = await large.attachments.add(PNG + bytes(5000), "back.png", tenant="acme")
    digest = (photo.id or "").removeprefix("att-")
    assert await large.attachments.read(photo.id or "", tenant="acme") == PNG + bytes(5000)
    assert board.client.get(board.keys.attachment("acme", digest)) is None
    assert len(board.client.get(board.keys.attachment_blob(tenant_of("acme"), digest)) or b"") < 500
    assert (await large.tenants.get("acme")).attached == len(PNG) + 5000
    assert blobs_of_files(large) == {f"attachment={digest}"}
    with pytest.raises(InvalidRequest, match="'other' has no file"):
        await large.attachments.read(photo.id or "", tenant="other")


async def test_a_large_file_goes_from_the_blobs_when_it_is_forgotten(large: Client) -> None:
    photo = await large.attachments.add(PNG + bytes(5000), tenant="acme")
    assert await large.attachments.forget(photo.id or "", tenant="acme")
    assert not await large.attachments.forget(photo.id or "", tenant="acme")
    assert blobs_of_files(large) == set()
    assert (await large.tenants.get("acme")).attached == 0


async def test_a_large_file_for_which_there_is_no_room_is_not_written(large: Client) -> None:
    await large.attachments.add(b"x" * 5000, tenant="acme")
    with pytest.raises(InvalidRequest, match="attach it later"):
        await large.attachments.add(b"y" * 5000, tenant="acme")
    assert len(blobs_of_files(large)) == 1


async def test_a_large_file_stays_as_long_as_it_is_kept_and_goes_with_a_sweep_then(large: Client, board: Board) -> None:
    def sweep() -> None:
        later = time.time() + 86_400
        assert BlobSweeper(board.client, large.core.settings, lambda: True, clock=lambda: later).tick() is None

    photo = await large.attachments.add(PNG + bytes(5000), tenant="acme")  # of a tenant that has no job yet
    sweep()
    assert await large.attachments.read(photo.id or "", tenant="acme")
    board.client.delete(board.keys.attachment_blob(tenant_of("acme"), (photo.id or "").removeprefix("att-")))
    sweep()
    assert blobs_of_files(large) == set()


@pytest.mark.parametrize(("blobs", "most"), [("off", 5 * 1024 * 1024), (None, 32 * 1024 * 1024)])
def test_without_blobs_no_file_is_larger_than_what_redis_takes(blobs: str | None, most: int) -> None:
    assert MemoryCalls(fast_settings("redis://127.0.0.1", blobs_url=blobs)).max_attachment_bytes == most


async def test_another_tenant_has_none_of_it(jobs: Client) -> None:
    photo = await jobs.attachments.add(PNG, tenant="acme")
    with pytest.raises(InvalidRequest, match=r"'other' has no file att-[0-9a-f]{64} \(any more\)"):
        await jobs.attachments.read(photo.id or "", tenant="other")
    assert not await jobs.attachments.forget(photo.id or "", tenant="other")


@pytest.mark.parametrize("attachment_id", ["", "att-1", "../x", "att-" + "G" * 64, "att-" + "0" * 64 + ":x"])
async def test_what_is_no_id_is_refused(jobs: Client, attachment_id: str) -> None:
    with pytest.raises(InvalidRequest, match="is no id of a file"):
        await jobs.attachments.read(attachment_id)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.png", "a.png is empty"),
        (b"MZ\x90\x00\x03", "photo.png", "photo.png is of a type that is not taken; taken are PNG, JPEG"),
        (b"\xff\xfeh\x00i\x00", "a.txt", "a type that is not taken"),
        (b"PK\x03\x04\x14\x00", None, "the file is of a type that is not taken"),
        (b"x" * 1001, "long.txt", r"long\.txt has more than 1,000 bytes, which is the limit \(BACKDESK_MAX_ATTACHMENT"),
    ],
)
async def test_a_file_is_refused_by_what_is_in_it(
    connected: Connect, data: bytes, name: str | None, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        await connected(max_attachment_bytes=1000).attachments.add(data, name)


@pytest.mark.parametrize("name", ["", "a/b.txt", "a\nb.txt", "x" * 201])
async def test_a_name_that_is_none_is_refused_and_nothing_kept(jobs: Client, board: Board, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name: String should"):
        await jobs.attachments.add(b"It broke.", name)
    assert list(board.client.scan_iter("*:attachment:*")) == []


async def test_a_file_that_cannot_be_read_says_why(jobs: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"none\.png cannot be read: No such file"):
        await jobs.attachments.add(tmp_path / "none.png")


async def test_a_redis_that_is_nearly_full_takes_none(jobs: Client, board: Board) -> None:
    board.client.set(board.keys.full, "900 800")
    with pytest.raises(StoreFull):
        await jobs.attachments.add(PNG)


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (PNG, "x.txt", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "", "image/jpeg"),
        (b"GIF89a\x01\x00", "", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"%PDF-1.7\n", "", "application/pdf"),
        ("# Größe\r\n\tja".encode(), "a.md", "text/markdown"),
        (b"\xef\xbb\xbfa;b\n1;2", "A.CSV", "text/csv"),
        (b"<script>alert(1)</script>", "a.html", "text/plain"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "a.webp", None),
        (b"\x89PNG", "a.png", None),
    ],
)
def test_the_type_of_a_file_is_known_by_its_bytes(data: bytes, name: str, media_type: str | None) -> None:
    assert media_type_of(data, name) == media_type
