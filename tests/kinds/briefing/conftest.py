"""Sources of a test's own, and a bench to run briefings on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest

from backdesk.platform.tool_settings import settings_of
from backdesk.testing import Bench, sandbox
from tests.support.http_site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def bench() -> Iterator[Bench]:
    import_module("backdesk.kinds.briefing.kind")
    settings_of.cache_clear()
    with Bench() as bench, sandbox():
        yield bench
    settings_of.cache_clear()


@pytest.fixture
def configured(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def configure(**more: str) -> None:
        usual = {
            "WEATHER": site.url("/forecast"),
            "PLACES": site.url("/places"),
            "FEEDS": site.url("/feed"),
            "QUOTES": site.url("/quote"),
            "QUOTES_KEY_PARAMETER": "token",
            "QUOTES_KEY": "s3cret",
            "PRIVATE": "1",
        }
        for name, value in (usual | more).items():
            monkeypatch.setenv(f"BACKDESK_BRIEFING_{name}", value)
        settings_of.cache_clear()

    return configure
