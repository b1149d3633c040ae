"""From rows that were kept as JSON to files that are written as a whole: Parquet and XLSX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from backdesk.kinds.export.duck import connect
from backdesk.kinds.export.sources import Type
from backdesk.worker.errors import ConfigurationError, TaskError

MISSING = 'exports to XLSX need a library: pip install "backdesk[tools]"'
#: What a sheet has room for, by the format: rows with the header, columns, and characters of a cell.
SHEET_ROWS, SHEET_COLUMNS, CELL = 1_048_576, 16_384, 32_767
#: Spreadsheets reckon with floats: a larger number is written as a text, so that no digit is lost.
LARGEST_WHOLE = 2**53
#: That the same rows are the same file whenever it is written.
WRITTEN_AT = datetime(2000, 1, 1, tzinfo=UTC)
_DUCK: Mapping[Type, str] = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


def write_parquet(lines: Path, to: Path, columns: Mapping[str, Type]) -> None:
    """Write the rows of a file of JSON as Parquet."""
    types = ", ".join(f"'{name}': '{_DUCK[kind]}'" for name, kind in columns.items())
    with connect() as connection:
        # By one thread, so that the groups of rows are the same each time.
        connection.execute("SET threads = 1; SET memory_limit = '512MB'; SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = '{_text(to.parent)}'")
        read = f"read_json('{_text(lines)}', format = 'newline_delimited', columns = {{{types}}})"
        connection.execute(f"COPY (SELECT * FROM {read}) TO '{_text(to)}' (FORMAT parquet, COMPRESSION zstd)")  # noqa: S608 - names are checked


def write_xlsx(lines: Path, to: Path, columns: Mapping[str, Type], tell: Callable[[int], None]) -> None:
    """Write the rows of a file of JSON as the one sheet of a workbook, row by row; texts are texts, never formulas.

    `tell` is given how many rows are written. Raises TaskError for a text that no cell has room for.
    """
    try:
        import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types; loaded where it is used
    except ImportError as error:
        raise ConfigurationError(MISSING) from error
    safe = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "tmpdir": str(to.parent)}
    with xlsxwriter.Workbook(str(to), {**safe, "remove_timezone": True}) as book, lines.open("rb") as rows:
        book.set_properties({"created": WRITTEN_AT})
        sheet = book.add_worksheet()
        dates = {
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "timestamp": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name)
        for number, line in enumerate(rows, 1):
            for column, (value, kind) in enumerate(zip(from_json(line).values(), columns.values(), strict=True)):
                _write(sheet, (number, column), value, kind, dates)
            tell(number)


def check_sheet(rows: int, columns: int) -> None:
    """Raise TaskError for more than a sheet has room for."""
    if rows + 1 > SHEET_ROWS or columns > SHEET_COLUMNS:
        raise TaskError(
            "too_large_for_xlsx",
            f"a sheet of XLSX has room for {SHEET_ROWS - 1:,} rows and {SHEET_COLUMNS:,} columns, and these are "
            f"{rows:,} and {columns:,}: export as csv or parquet, or fewer columns",
        )


def _write(sheet: Any, cell: tuple[int, int], value: Any, kind: Type, dates: Mapping[str, Any]) -> None:
    if value is None:
        return
    if kind == "boolean":
        sheet.write_boolean(*cell, bool(value))
    elif isinstance(value, (int, float)) and abs(value) <= LARGEST_WHOLE:
        sheet.write_number(*cell, value)
    elif kind in dates and (at := _at(value, kind)) is not None:
        sheet.write_datetime(*cell, at, dates[kind])
    elif len(text := str(value)) > CELL:
        raise TaskError(
            "too_large_for_xlsx", f"row {cell[0]} has a text of {len(text):,} characters, a cell takes {CELL:,}"
        )
    else:
        sheet.write_string(*cell, text)


def _at(value: Any, kind: Type) -> date | datetime | None:
    """Return a time as a spreadsheet can reckon with it; None for one before 1900, which it has not."""
    try:
        at = date.fromisoformat(value[:10]) if kind == "date" else datetime.fromisoformat(value)
    except ValueError:
        return None
    if isinstance(at, datetime) and at.tzinfo is not None:
        at = at.astimezone(UTC)
    return at if at.year >= 1900 else None


def _text(path: Path) -> str:
    return str(path).replace("'", "''")
