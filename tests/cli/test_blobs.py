"""`backdesk blobs`: large requests, results and files, for people and scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from backdesk.worker.model.job import Succeeded
from backdesk.worker.settings import Settings
from backdesk.worker.submit.blob_access import blobs_of
from tests.cli.conftest import Answer, Cli
from tests.support.board import Board
from tests.support.workers import fast_settings


@pytest.fixture
def there(cli: Cli, client: redis.Redis, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command where a job of acme has a large request."""
    url = (tmp_path / "blobs").as_uri()
    monkeypatch.setenv("BACKDESK_BLOBS_URL", url)
    own = fast_settings(settings.url, blobs_url=url)
    store = blobs_of(own).store
    ref = store.put(b'{"n":1}', tenant="acme", job="job-1", media_type="application/json", name="request.json")
    board = Board(client, own)
    board.submit("job-1", tenant="acme", request=None, request_blob=ref.model_dump_json(), blob_bytes=ref.bytes)

    def run(*words: str) -> Answer:
        return cli(*words, url=settings.url)

    return run


def test_what_tenants_have_is_listed(there: Cli) -> None:
    assert there("blobs", "list", "--json").document == {"acme": 7}
    assert "acme" in there("blobs").out


def test_what_a_job_has_is_shown_and_saved(there: Cli, home: Path) -> None:
    (ref,) = there("blobs", "show", "job-1", "--json").document
    assert (ref["name"], ref["bytes"]) == ("request.json", 7)
    assert f"backdesk blobs get job-1 {ref['sha256'][:12]} --to FILE" in there("show", "job-1").out
    assert there("blobs", "get", "job-1", "--to", "saved.json").code == 0
    assert (home / "saved.json").read_bytes() == b'{"n":1}'
    again = there("blobs", "get", "job-1", "request.json", "--to", "saved.json")
    assert (again.code, "saved.json is there" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("get", "job-1"), "give either --to FILE or --link SECONDS"),
        (("get", "job-1", "beef", "--to", "x"), "the job has 0 of 'beef'"),
        (("get", "job-1", "--link", "60"), "a folder has no addresses"),
    ],
)
def test_what_cannot_be_given_says_why(there: Cli, words: tuple[str, ...], told: str) -> None:
    answer = there("blobs", *words)
    assert (answer.code, told in answer.err) == (2, True)


def test_a_result_that_is_the_same_as_its_request_is_one_blob(
    there: Cli, client: redis.Redis, settings: Settings, home: Path
) -> None:
    board = Board(client, settings)
    request = board.record("job-1").request_blob
    assert request is not None
    reference = request.model_copy(update={"name": "result.json"}).model_dump_json().encode()
    board.finish(board.start("job-1"), Succeeded(b'{"n":1}', blob=reference))
    assert there("blobs", "get", "job-1", request.sha256[:12], "--to", "same.json").code == 0
    assert (home / "same.json").read_bytes() == b'{"n":1}'


def test_a_blob_that_is_gone_says_so(there: Cli, tmp_path: Path) -> None:
    for path in (tmp_path / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    answer = there("blobs", "get", "job-1", "--to", "x")
    assert answer.code != 0
    assert "do not share BACKDESK_BLOBS_URL" in answer.err


def test_the_doctor_says_which_store_it_is_and_whether_it_can_be_written(
    there: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> dict[str, str]:
        findings = there("doctor", "--json").document["findings"]
        (finding,) = [each for each in findings if each["check"] == "blobs"]
        return finding  # type: ignore[no-any-return]  # a document

    assert found()["level"] == "ok"
    assert f"{(tmp_path / 'blobs').as_uri()}/backdesk can be written, not encrypted" in found()["detail"]
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BACKDESK_BLOBS_URL", (tmp_path / "file").as_uri())
    assert (found()["level"], "Not a directory" in found()["detail"]) == ("fail", True)
    monkeypatch.setenv("BACKDESK_BLOBS_URL", "off")
    assert found()["level"] == "ok"
