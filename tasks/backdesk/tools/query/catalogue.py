"""The data sets of a deployment: who may see which, and what each is made of.

A data set belongs to a tenant, or is declared public. A tenant's own goes before a public one of the same name.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backdesk.platform.contract import DatasetName
from backdesk.platform.settings import sentences
from backdesk.tools.query.sample import SAMPLE_NAME
from backdesk.worker.errors import ConfigurationError

_SUFFIXES: dict[str, Literal["csv", "parquet"]] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "csv",
    ".tsv.gz": "csv",
    ".parquet": "parquet",
}


class Dataset(BaseModel):
    """A data set: `files`, or a `table` of the business database of which each tenant sees its own rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: DatasetName
    description: str = ""
    tenant: str | None = None
    public: bool = False
    #: Patterns of files, relative to the folder of the catalogue: `sales/*.parquet`.
    files: tuple[str, ...] = ()
    #: Types of columns of CSV, all of them, where what DuckDB makes of them is not meant.
    types: dict[str, str] = Field(default_factory=dict)
    table: str | None = None
    #: Where the table is declared, as `backdesk.shop.tables`, in a worker that does not load it for its kinds.
    module: str = ""
    columns: tuple[str, ...] = ()
    sample: bool = False
    #: Where patterns begin.
    folder: Path = Path()

    @field_validator("files", mode="before")
    @classmethod
    def _are_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_somebodys_and_of_something(self) -> Self:
        if bool(self.tenant) == self.public:
            raise ValueError("give either the tenant that it belongs to, or public = true")
        if not self.sample and bool(self.files) == bool(self.table):
            raise ValueError("give either files, or a table of the business database")
        if self.files:
            self.form  # noqa: B018 - which raises
        return self

    @property
    def form(self) -> Literal["csv", "parquet"]:
        """What its files are, by their names. Raises ValueError for names that do not tell."""
        found = {form for file in self.files for suffix, form in _SUFFIXES.items() if file.endswith(suffix)}
        if len(found) != 1 or not all(file.endswith(tuple(_SUFFIXES)) for file in self.files):
            raise ValueError(f"files must end with one of {', '.join(_SUFFIXES)}, and be of one form")
        return found.pop()

    def is_of(self, tenant: str) -> bool:
        """Whether a tenant may see it."""
        return self.public or self.tenant == tenant


SAMPLE = Dataset(name=SAMPLE_NAME, description="Orders of a sample shop, made up.", public=True, sample=True)


def visible(catalogue: Path | None, tenant: str, *, samples: bool) -> dict[str, Dataset]:
    """Return the data sets that a tenant may see, by name. Raises ConfigurationError for a catalogue that is wrong."""
    found = read_catalogue(catalogue) if catalogue else ()
    mine = [each for each in found if each.is_of(tenant)]
    chosen = {SAMPLE.name: SAMPLE} if samples or not catalogue else {}
    return chosen | {each.name: each for each in sorted(mine, key=lambda each: each.tenant is not None)}


def read_catalogue(path: Path) -> tuple[Dataset, ...]:
    """Return all data sets of a file, or of the files of a folder. Raises ConfigurationError.

    A file is read again when it has changed.
    """
    files = sorted(each for each in path.glob("*") if each.suffix in _READ) if path.is_dir() else [path]
    datasets = tuple(dataset for file in files for dataset in _read(file, *_state(file)))
    _check_once(datasets)
    return datasets


_READ = {".toml": tomllib.loads, ".json": json.loads}


def _state(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise ConfigurationError(f"BACKDESK_DATASETS: {file} cannot be read: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _read(file: Path, _changed: int, _size: int) -> tuple[Dataset, ...]:
    try:
        entries = _entries(_READ[file.suffix](file.read_text("utf-8")))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"BACKDESK_DATASETS: {file} is no TOML or JSON with `datasets`: {error}") from None
    return tuple(_dataset(file, number, entry) for number, entry in enumerate(entries, 1))


def _entries(content: Any) -> Iterable[Any]:
    found = content["datasets"]
    if not isinstance(found, list):
        raise ValueError("datasets must be a list")  # noqa: TRY004 - of what is read, not of what was called
    return found


def _dataset(file: Path, number: int, entry: Any) -> Dataset:
    try:
        fields = {name: value for name, value in dict(entry).items() if name not in ("folder", "sample")}
        return Dataset(**fields, folder=file.parent.resolve())
    except ValidationError as error:
        raise ConfigurationError(f"BACKDESK_DATASETS: {file}, data set {number}: {sentences(error)}") from None
    except (TypeError, ValueError):
        raise ConfigurationError(f"BACKDESK_DATASETS: {file}, data set {number} is no table of fields") from None


def _check_once(datasets: Iterable[Dataset]) -> None:
    for twice in _twice((each.tenant, each.name) for each in datasets):
        raise ConfigurationError(f"BACKDESK_DATASETS: {twice[1]!r} is there twice for {twice[0] or 'all tenants'}")


def _twice(keys: Iterable[tuple[str | None, str]]) -> Iterator[tuple[str | None, str]]:
    seen = set()
    for key in keys:
        if key in seen:
            yield key
        seen.add(key)
