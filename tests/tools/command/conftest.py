"""Desks whose data is in a place that every user may look into, beside a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backdesk.agents.desk import Desk
from backdesk.platform.database import Database
from backdesk.platform.tool_settings import settings_of
from tests.support.deployment import desk_of
from tests.support.isolated import open_place


@pytest.fixture
def place() -> Iterator[Path]:
    settings_of.cache_clear()
    with open_place() as place:
        yield place
    settings_of.cache_clear()


@pytest.fixture
def desk(place: Path, shop: Database) -> Desk:
    desk = desk_of(shop)
    desk.settings = desk.settings.model_copy(update={"data_dir": place / "data"})
    return desk
