"""What goes between a worker and the process that runs a query: plain values, JSON on a line each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Format = Literal["json", "csv", "parquet"]


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it is opened: files of one form, or the SELECT that makes it. `types` are those of CSV columns."""

    name: str
    form: Literal["csv", "parquet", "made"]
    paths: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A query to run: on what, within which bounds, and where its result goes."""

    sql: str
    sources: tuple[Source, ...]
    #: For the result and for what does not fit into memory; nobody else's.
    folder: str
    format: Format = "json"
    timeout_s: float = 60.0
    memory_mb: int = 512
    threads: int = 2
    spill_mb: int = 1024
    max_rows: int = 1_000_000
    max_result_mb: int = 256
    #: Refuses what DuckDB expects to come to more rows than this in any step.
    max_estimated_rows: int | None = None
    preview_rows: int = 20
    progress: bool = True

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        sources = tuple(Source(**{**each, "paths": tuple(each["paths"])}) for each in fields.pop("sources"))
        return cls(sources=sources, **fields)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `file` holds the whole result; estimate and metrics are null where they are not known."""

    rows: int
    columns: list[dict[str, str]]
    preview: list[dict[str, Any]]
    file: str
    file_bytes: int
    seconds: float
    estimate: dict[str, int | None]
    metrics: dict[str, float | int | None]


class QueryFailed(Exception):
    """A query came to no result; `code` says why, and the message what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


#: What is allowed by nobody, in these words of ours.
REFUSED = "query_refused"
#: What DuckDB does not understand, or finds no column or function for.
INVALID = "query_invalid"
TIMED_OUT = "query_timed_out"
OUT_OF_MEMORY = "query_out_of_memory"
TOO_LARGE = "query_result_too_large"
OVER_ESTIMATE = "query_estimate_over_limit"
#: What went wrong with the data, such as a text that is no number.
FAILED = "query_failed"
#: The process ended without a word.
CRASHED = "query_crashed"
