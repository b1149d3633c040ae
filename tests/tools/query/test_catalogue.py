"""The catalogue: whose data sets are whose, and what is said of one that is wrong."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from backdesk.tools.query import staging
from backdesk.tools.query.catalogue import SAMPLE, Dataset, read_catalogue, visible
from backdesk.tools.query.sample import SAMPLE_NAME
from backdesk.tools.query.settings import QuerySettings
from backdesk.tools.query.staging import version_of
from backdesk.worker.errors import ConfigurationError

CATALOGUE = """
[[datasets]]
name = "sales"
tenant = "acme"
files = "acme/*.csv"

[[datasets]]
name = "sales"
tenant = "globex"
files = "globex/*.csv"

[[datasets]]
name = "countries"
public = true
files = ["countries.parquet"]

[[datasets]]
name = "orders"
public = true
table = "orders"
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    file = tmp_path / "datasets.toml"
    file.write_text(CATALOGUE)
    for tenant in ("acme", "globex"):
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / "2026.csv").write_text(f"whose\n{tenant}\n")
    return file


def test_a_tenant_sees_its_own_data_sets_and_those_that_are_public(catalogue: Path) -> None:
    acme = visible(catalogue, "acme", samples=False)
    assert sorted(acme) == ["countries", "orders", "sales"]
    assert acme["sales"].files == ("acme/*.csv",)
    assert sorted(visible(catalogue, "initech", samples=False)) == ["countries", "orders"]


def test_a_tenant_s_own_goes_before_a_public_one(catalogue: Path) -> None:
    catalogue.write_text(CATALOGUE + '[[datasets]]\nname = "countries"\ntenant = "acme"\nfiles = "mine.parquet"\n')
    assert visible(catalogue, "acme", samples=False)["countries"].tenant == "acme"
    assert visible(catalogue, "globex", samples=False)["countries"].public


def test_the_sample_is_there_where_nothing_else_is_or_it_is_wanted(catalogue: Path) -> None:
    assert [*visible(None, "acme", samples=False)] == [SAMPLE_NAME]
    assert SAMPLE_NAME in visible(catalogue, "acme", samples=True)
    assert SAMPLE_NAME not in visible(catalogue, "acme", samples=False)


def test_a_folder_is_read_with_all_its_files(catalogue: Path, tmp_path: Path) -> None:
    more = {"datasets": [{"name": "more", "public": True, "files": "countries.parquet"}]}
    (tmp_path / "more.json").write_text(json.dumps(more))
    assert "more" in visible(tmp_path, "acme", samples=False)


def test_a_catalogue_that_has_changed_is_read_again(catalogue: Path) -> None:
    before = len(read_catalogue(catalogue))
    catalogue.write_text(CATALOGUE.replace('name = "countries"', 'name = "lands"') + "\n# more\n")
    assert len(read_catalogue(catalogue)) == before
    assert "lands" in visible(catalogue, "acme", samples=False)


def test_the_version_of_files_is_another_when_they_are(catalogue: Path, tmp_path: Path) -> None:
    sales = visible(catalogue, "acme", samples=False)["sales"]
    before = version_of(sales)
    assert version_of(sales) == before
    os.utime(tmp_path / "acme" / "2026.csv", (1, 1))
    touched = version_of(sales)
    (tmp_path / "acme" / "2027.csv").write_text("whose\nacme\n")
    assert len({before, touched, version_of(sales)}) == 3
    assert version_of(visible(catalogue, "acme", samples=False)["orders"]) is None
    assert version_of(SAMPLE)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "x", "files": "a.csv"}, "either the tenant"),
        ({"name": "x", "files": "a.csv", "public": True, "tenant": "acme"}, "either the tenant"),
        ({"name": "x", "public": True}, "either files, or a table"),
        ({"name": "x", "public": True, "files": "a.csv", "table": "b"}, "either files, or a table"),
        ({"name": "x", "public": True, "files": "a.xls"}, "must end with one of"),
        ({"name": "x", "public": True, "files": ["a.csv", "b.parquet"]}, "of one form"),
        ({"name": "__result", "public": True, "files": "a.csv"}, "name"),
        ({"name": 'x"; DROP', "public": True, "files": "a.csv"}, "name"),
        ({"name": "x", "public": True, "files": "a.csv", "colour": "red"}, "colour"),
        ("x", "no table of fields"),
    ],
)
def test_an_entry_that_is_wrong_is_said_to_be(tmp_path: Path, entry: object, said: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({"datasets": [entry]}))
    with pytest.raises(ConfigurationError, match=said):
        read_catalogue(file)


@pytest.mark.parametrize("content", ["no toml", "datasets = 1", "[other]", "\x00"])
def test_a_file_that_is_no_catalogue_is_said_to_be_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match="BACKDESK_DATASETS"):
        read_catalogue(file)


def test_a_data_set_that_is_there_twice_for_one_tenant_is_refused(catalogue: Path) -> None:
    catalogue.write_text(CATALOGUE + '[[datasets]]\nname = "sales"\ntenant = "acme"\nfiles = "b.csv"\n')
    with pytest.raises(ConfigurationError, match="'sales' is there twice for acme"):
        read_catalogue(catalogue)


def test_files_that_are_not_there_are_said_to_be_missing(tmp_path: Path) -> None:
    missing = Dataset(name="x", public=True, files=("none/*.csv",), folder=tmp_path)
    with pytest.raises(ConfigurationError, match=r"no file by none/\*\.csv"):
        version_of(missing)


def test_what_queries_depend_on_is_checked(catalogue: Path) -> None:
    found = {each.name: each.check() for each in QuerySettings(BACKDESK_DATASETS=catalogue).dependencies()}
    assert found == {"data sets": "4 data sets", "DuckDB": "installed"}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"size": [1, 2]}, '{"size": [1, 2]}'),
        (["größe", None], '["größe", null]'),
        (None, "\\N"),
        (datetime(2026, 3, 1, 10, 0), "2026-03-01T10:00:00+00:00"),  # noqa: DTZ001 - as SQLite has it
    ],
)
def test_a_value_of_a_table_is_written_as_a_query_reads_it(value: object, written: str) -> None:
    assert staging._plain(value) == written
