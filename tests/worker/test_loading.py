"""Packages that load by name what they offer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from backdesk.worker import loading

MODULES = {
    "__init__": '"""Lamps"""\nfrom .lamps import LAMP\nfrom .chairs import CHAIR as SEAT\n__all__ = ["LAMP", "SEAT"]\n',
    "lamps": "LAMP = 'a lamp'\n",
    "chairs": "CHAIR = 'a chair'\n",
    "tables": "from furniture_shop import LAMP\nTABLE = 'a table with ' + LAMP\n",
    "broken": "import furniture_shop_of_nobody\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a package that is to load by name."""
    folder = tmp_path / "furniture_shop"
    folder.mkdir()
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    loading.by_name("furniture_shop")
    yield folder
    for name in loaded():
        del sys.modules[name]
    loading._finder.packages.discard("furniture_shop")


def loaded() -> set[str]:
    return {name for name in sys.modules if name.split(".")[0] == "furniture_shop"}


@pytest.mark.usefixtures("package")
def test_only_the_module_of_the_name_that_is_asked_for_is_loaded() -> None:
    shop = import_module("furniture_shop")
    assert loaded() == {"furniture_shop"}
    assert shop.SEAT == "a chair"
    assert loaded() == {"furniture_shop", "furniture_shop.chairs"}


@pytest.mark.usefixtures("package")
def test_a_module_of_the_package_is_found_by_its_name_and_may_ask_the_package() -> None:
    shop = import_module("furniture_shop")
    assert shop.tables.TABLE == "a table with a lamp"


@pytest.mark.usefixtures("package")
def test_all_that_is_offered_is_listed_and_imported_by_a_star() -> None:
    shop = import_module("furniture_shop")
    assert {"LAMP", "SEAT"} <= set(dir(shop))
    names: dict[str, object] = {}
    exec("from furniture_shop import *", names)  # noqa: S102 - a star is for modules alone
    assert (names["LAMP"], names["SEAT"]) == ("a lamp", "a chair")


@pytest.mark.usefixtures("package")
def test_what_is_not_offered_is_missed_as_in_any_module() -> None:
    shop = import_module("furniture_shop")
    assert not hasattr(shop, "BED")
    assert not hasattr(shop, "_hidden")
    with pytest.raises(ModuleNotFoundError, match="furniture_shop_of_nobody"):
        _ = shop.broken


@pytest.mark.parametrize("more", ["from .lamps import *", "COUNT = 1", "from os import path", "def sell(): ..."])
def test_a_package_that_does_more_than_pass_on_names_is_loaded_whole(package: Path, more: str) -> None:
    (package / "__init__.py").write_text(f"{MODULES['__init__']}{more}\n")
    assert import_module("furniture_shop").LAMP == "a lamp"
    assert loaded() == {"furniture_shop", "furniture_shop.lamps", "furniture_shop.chairs"}
