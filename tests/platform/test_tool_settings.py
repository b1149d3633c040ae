"""Settings of tools are found, read and shown, and what is secret in them is shown nowhere."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr

from backdesk.kinds.settings_index import NotLoaded, all_settings
from backdesk.platform.tool_settings import ToolSettings, read, secrets_of, settings_of, shown, without_secrets
from backdesk.worker.errors import ConfigurationError

SECRET = "sesame-of-the-test"


class CrawlSettings(ToolSettings):
    title: ClassVar[str] = "crawler"

    pages: int = Field(10, ge=1, validation_alias="BACKDESK_CRAWL_PAGES")
    key: SecretStr | None = Field(None, validation_alias="BACKDESK_CRAWL_KEY")
    more: dict[str, SecretStr] = Field(default_factory=dict, validation_alias="BACKDESK_CRAWL_MORE")
    address: str = Field("", validation_alias="BACKDESK_CRAWL_ADDRESS")


def values() -> dict[str, tuple[object, bool]]:
    return {each.name: (each.value, each.given) for each in shown(read(CrawlSettings))}


def test_defaults_are_told_apart_from_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_PAGES", "10")
    assert values()["BACKDESK_CRAWL_PAGES"] == (10, True)
    assert values()["BACKDESK_CRAWL_KEY"] == (None, False)


def test_of_a_secret_it_is_shown_only_that_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_KEY", SECRET)
    monkeypatch.setenv("BACKDESK_CRAWL_MORE", f'{{"a": "{SECRET}"}}')
    monkeypatch.setenv("BACKDESK_CRAWL_ADDRESS", f"https://me:{SECRET}@example.com/x?api_key={SECRET}")
    assert values()["BACKDESK_CRAWL_KEY"] == ("***", True)
    assert values()["BACKDESK_CRAWL_MORE"] == ({"a": "***"}, True)
    assert str(values()["BACKDESK_CRAWL_ADDRESS"][0]).startswith("https://***@example.com/x")
    assert SECRET not in str(values())


def test_a_secret_comes_from_a_file_among_the_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backdesk_crawl_key").write_text(SECRET)
    monkeypatch.setattr("backdesk.platform.tool_settings.SECRETS", tmp_path)
    key = read(CrawlSettings).key
    assert key is not None
    assert key.get_secret_value() == SECRET


def test_a_wrong_value_is_told_by_its_variable_and_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_PAGES", SECRET)
    with pytest.raises(ConfigurationError, match="BACKDESK_CRAWL_PAGES") as raised:
        read(CrawlSettings)
    assert SECRET not in str(raised.value)


def test_what_a_check_says_is_told_without_the_secrets_of_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDESK_CRAWL_MORE", f'{{"a": "{SECRET}"}}')
    told = without_secrets(f"refused {SECRET} at ftp://me:word@host", secrets_of(read(CrawlSettings)))
    assert told == "refused *** at ftp://***@host"


def test_settings_are_read_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    settings_of.cache_clear()
    first = settings_of(CrawlSettings)
    monkeypatch.setenv("BACKDESK_CRAWL_PAGES", "7")
    assert settings_of(CrawlSettings) is first
    assert read(CrawlSettings).pages == 7
    settings_of.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """A package of two tools, one without settings, and one whose settings module has more in it."""
    folder = tmp_path / "nursery_of_tools"
    for name in ("plain", "crawl", "heavy"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "crawl" / "settings.py").write_text(
        "from backdesk.platform.tool_settings import ToolSettings\nclass Crawl(ToolSettings): pass\nLIMIT = 7\n"
    )
    (folder / "plain" / "__init__.py").write_text("raise AssertionError('a folder without settings is loaded')\n")
    (folder / "heavy" / "settings.py").write_text("import no_library_of_this_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import nursery_of_tools  # type: ignore[import-not-found]

    yield nursery_of_tools
    for name in [name for name in sys.modules if name.startswith("nursery_of_tools")]:
        del sys.modules[name]


def test_the_settings_of_each_folder_are_found(package: types.ModuleType) -> None:
    crawl, heavy = all_settings(package)
    assert isinstance(crawl, type)
    assert crawl.__name__ == "Crawl"
    reason = "No module named 'no_library_of_this_name'"
    assert heavy == NotLoaded("nursery_of_tools.heavy", reason)


def test_all_settings_have_a_title_and_names_that_begin_with_backdesk() -> None:
    for kind in all_settings():
        assert not isinstance(kind, NotLoaded)
        assert kind.title, kind
        aliases = [field.validation_alias for field in kind.model_fields.values()]
        assert all(isinstance(alias, str) and alias.startswith("BACKDESK_") for alias in aliases), kind
        assert read(kind).model_fields_set == set()
