"""Searches: by providers that answer in JSON, and over documents in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backdesk.agents import Desk, Refusal
from backdesk.platform.tool_settings import settings_of
from backdesk.tools import ApiKey, Folder, JsonSearch, search_tool
from backdesk.tools.web.tools import configured_search
from backdesk.worker.errors import ConfigurationError, TaskError
from tests.support.http_site import Site, told

SEARXNG = {
    "results": [
        {
            "title": "On <b>kettles</b> &amp; tea",
            "url": "https://a.example/",
            "content": "They   boil.",
            "publishedDate": None,
        },
        {"title": "Bad", "url": "javascript:alert(1)", "content": "x"},
        {"title": "No address"},
        {"title": "Second", "url": "https://b.example/", "content": "x" * 2_000},
        "nonsense",
    ]
}


@pytest.fixture(autouse=True)
def settings_are_read_anew() -> None:
    settings_of.cache_clear()


async def test_an_instance_of_searxng_is_asked(site: Site, desk: Desk, resolve: Any) -> None:
    site.answers["/search"] = told(SEARXNG)
    provider = JsonSearch.searxng(site.url("", "search.example"), private=True, resolve=resolve)
    found: Any = await search_tool(provider)(desk, "kettles & tea?", 8)
    assert [(hit.title, hit.url, hit.snippet[:10]) for hit in found.hits] == [
        ("On kettles & tea", "https://a.example/", "They boil."),
        ("Second", "https://b.example/", "xxxxxxxxxx"),
    ]
    assert len(found.hits[1].snippet) == 500
    assert site.paths == ["/search?format=json&q=kettles%20%26%20tea%3F"]


async def test_any_provider_is_described_by_paths(
    site: Site, desk: Desk, resolve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAVE", "s3cret")
    site.answers["/v1"] = told(
        {"web": {"results": [{"name": "T", "link": {"href": "https://a.example/"}, "text": "S"}]}}
    )
    provider = JsonSearch(
        site.url("/v1", "search.example"),
        query="query",
        results="web.results",
        fields={"title": "name", "url": "link.href", "snippet": "text"},
        key=ApiKey.in_header("X-Token", "BRAVE"),
        private=True,
        resolve=resolve,
    )
    (hit,) = await provider.search(desk, "kettles", 5)
    assert (hit.title, hit.url, hit.snippet, hit.sample) == ("T", "https://a.example/", "S", False)
    assert (site.paths, site.seen[0].headers["X-Token"]) == (["/v1?query=kettles"], "s3cret")


async def test_a_provider_that_answers_otherwise_has_failed(site: Site, desk: Desk, resolve: Any) -> None:
    provider = JsonSearch(site.url("/", "search.example"), private=True, resolve=resolve, ttl_s=0)
    site.answers["/"] = told({"hits": []})
    with pytest.raises(TaskError, match="no list of results"):
        await provider.search(desk, "kettles", 5)
    site.answers["/"] = told({"error": "too long"}, 422)
    assert isinstance(await search_tool(provider)(desk, "kettles", 5), Refusal)


async def test_a_folder_is_searched_by_words_of_any_form(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "returns.md").write_text("# Returning goods\n\nGoods are returned within 30 days.", "utf-8")
    (tmp_path / "shipping.txt").write_text("Parcels are shipped on weekdays.", "utf-8")
    (tmp_path / "hidden.key").write_text("goods", "utf-8")
    search: Any = search_tool(Folder(tmp_path))
    found = await search(desk, "how do I return a good?", 5)
    assert [(hit.title, hit.url, hit.sample) for hit in found.hits] == [("Returning goods", "doc:returns.md", True)]
    assert (await search(desk, '* OR NEAR(" -- ; DROP TABLE', 5)).hits == []
    assert (await search(desk, "?!", 5)).hits == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        Folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("environment", "check"),
    [
        ({"BACKDESK_SEARCH_SEARXNG": "https://search.example"}, lambda it: it.url == "https://search.example/search"),
        (
            {
                "BACKDESK_SEARCH_URL": "https://api.example/v1",
                "BACKDESK_SEARCH_KEY_HEADER": "X-Token",
                "BACKDESK_SEARCH_FIELDS": '{"title": "name"}',
            },
            lambda it: (it.key.header, it.key.secret, it.fields["title"]) == ("X-Token", "BACKDESK_SEARCH_KEY", "name"),
        ),
        ({"BACKDESK_SEARCH_FOLDER": "."}, lambda it: it.path == Path()),
    ],
)
def test_the_settings_say_who_searches(
    environment: dict[str, str], check: Callable[[Any], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert check(configured_search())


async def test_a_document_is_read_once_and_again_when_it_has_changed(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, file, really = list[str](), tmp_path / "tea.md", Path.read_text

    def counted(path: Path, *how: str) -> str:
        read.append(path.name)
        return really(path, *how)

    monkeypatch.setattr(Path, "read_text", counted)
    for text, times in (("Kettles boil.", 2), ("Kettles boil water.", 1)):
        file.write_text(text)
        for _ in range(times):
            (hit,) = await Folder(tmp_path).search(desk, "kettles", 3)
            assert hit.snippet == text
    assert read == ["tea.md"] * 2


def test_settings_that_contradict_each_other_or_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no search is configured"):
        configured_search()
    settings_of.cache_clear()
    monkeypatch.setenv("BACKDESK_SEARCH_SEARXNG", "https://search.example")
    monkeypatch.setenv("BACKDESK_SEARCH_FOLDER", ".")
    with pytest.raises(ConfigurationError, match="set one of"):
        configured_search()
