"""The web as a source, by the deployment's own search; here over a folder that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, scripted
from tests.kinds.research.researchers import REQUEST, Researcher, take_notes

WEB = {**REQUEST, "sources": "web", "pdf": False}
PAGE = (
    "# A test of cells\n\nBrinecells lasted 5,150 full cycles in the test of Skarn. The capacity was 80 percent then."
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("BACKDESK_SEARCH_FOLDER", str(tmp_path))
    settings_of.cache_clear()
    yield tmp_path
    settings_of.cache_clear()


def test_pages_that_are_found_are_read_and_cited_by_their_address(bench: Bench, folder: Path) -> None:
    (folder / "test.md").write_text(PAGE)
    with scripted(rule=Researcher()):
        result = bench.run("research.report", WEB).result
    (source,) = result.sources
    assert (source.where, source.id, source.cited) == ("web", "doc:test.md", True)
    assert "5,150 full cycles" in result.report
    assert "`doc:test.md`" in result.report


def test_the_text_that_was_read_is_kept_and_held_against_the_report_when_the_page_has_changed(
    bench: Bench, folder: Path
) -> None:
    page = folder / "test.md"
    page.write_text(PAGE)

    def changes(given: dict[str, object]) -> object:
        page.write_text("Gone.")
        return take_notes(given)

    with scripted(rule=Researcher(reader=changes)):  # type: ignore[arg-type]  # a reply
        result = bench.run("research.report", WEB).result
    assert [each.outcome for each in result.checks] == ["supported"]


def test_a_page_that_is_gone_stands_beside_the_files(bench: Bench, folder: Path) -> None:
    page = folder / "test.md"
    page.write_text(PAGE)
    memo = bench.attach(b"The brinecell of our cellar lasted 4,711 full cycles.", "memo.txt")
    with scripted(rule=Researcher()):
        job = bench.attempt(bench.submit("research.report", {**WEB, "attachments": [memo]}))
        page.unlink()
        result = bench.go_on(job).result
    assert {each.title: bool(each.problem) for each in result.sources} == {"memo.txt": False, "A test of cells": True}
    assert "4,711 full cycles" in result.report


def test_where_no_search_is_configured_the_job_fails_at_once_and_says_what_to_set(bench: Bench) -> None:
    job = bench.run("research.report", WEB)
    assert job.error is not None
    assert job.error.code == "sources_unavailable"
    assert "BACKDESK_SEARCH_SEARXNG" in job.error.message
