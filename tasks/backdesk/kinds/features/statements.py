"""The SQL of the steps, written from what a plan says: no word of a model's becomes SQL but names of columns."""

from __future__ import annotations

from collections.abc import Sequence

from backdesk.kinds.features.contract import ColumnProfile, Feature, FeaturePlan

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")
_TIMES = ("DATE", "TIMESTAMP")


def is_number(kind: str) -> bool:
    """Whether a column is of numbers, by its type."""
    return kind in NUMBERS or kind.startswith(_FRACTIONS)


def is_time(kind: str) -> bool:
    """Whether a column is of days or times."""
    return kind.startswith(_TIMES)


def describe(dataset: str) -> str:
    """Return the query of the columns and their types."""
    return f"DESCRIBE {quoted(dataset)}"


def profile(dataset: str, columns: Sequence[tuple[str, str]]) -> str:
    """Return the query that counts what is in each column: one row."""
    counted = ["count(*) AS rows"]
    for number, (name, kind) in enumerate(columns):
        column = quoted(name)
        counted += [
            f"count({column}) AS n{number}",
            f"count(DISTINCT {column}) AS d{number}",
            f"min({column})::VARCHAR AS l{number}",
            f"max({column})::VARCHAR AS m{number}",
            f"{f'avg({column})::DOUBLE' if is_number(kind) else 'NULL'} AS a{number}",
        ]
    return f"SELECT {', '.join(counted)} FROM {quoted(dataset)}"  # noqa: S608 - names in quotes, as in all of this


def first_rows(dataset: str) -> str:
    """Return the query of a few rows."""
    return f"SELECT * FROM {quoted(dataset)} LIMIT 5"  # noqa: S608 - as above


def clean(dataset: str, plan: FeaturePlan) -> str:
    """Return the query that counts what is left out: one row."""
    return f"""
        WITH {_cleaned(dataset, plan)}
        SELECT (SELECT count(*) FROM {quoted(dataset)}) AS rows,
            (SELECT count(*) FROM single_rows) AS single,
            (SELECT count(*) FROM valid_rows) AS valid
    """  # noqa: S608 - as above


def features(dataset: str, plan: FeaturePlan) -> str:
    """Return the query of the table of features."""
    made = ", ".join(f"{_made(each)} AS {quoted(name_of(each))}" for each in plan.features)
    return f"WITH {_cleaned(dataset, plan)} SELECT {made} FROM valid_rows"  # noqa: S608 - as above


def summary(dataset: str, plan: FeaturePlan) -> str:
    """Return the query that counts what is in the table of features: one row."""
    counted = ["count(*) AS rows"]
    for number, each in enumerate(plan.features):
        column = quoted(name_of(each))
        counted += [
            f"count({column}) AS n{number}",
            f"min({column})::DOUBLE AS l{number}",
            f"max({column})::DOUBLE AS m{number}",
            f"avg({column})::DOUBLE AS a{number}",
        ]
    return f"SELECT {', '.join(counted)} FROM ({features(dataset, plan)})"  # noqa: S608 - as above


def name_of(feature: Feature) -> str:
    """Return what the column of a feature is called."""
    return f"{feature.column}_{feature.kind}"


def fits(feature: Feature, column: ColumnProfile) -> bool:
    """Whether a feature can be made of a column."""
    match feature.kind:
        case "zscore" | "log":
            return is_number(column.type)
        case "year" | "month" | "weekday":
            return is_time(column.type)
        case "frequency" | "missing":
            return True


def quoted(name: str) -> str:
    """Write a name as SQL has it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _cleaned(dataset: str, plan: FeaturePlan) -> str:
    conditions = [f"{quoted(column)} IS NOT NULL" for column in plan.required]
    for rule in plan.rules:
        column = quoted(rule.column)
        bounds = [("<", rule.least), (">", rule.most)]
        # Of what is not known nothing is said here: `required` does that.
        conditions += [f"NOT coalesce({column} {sign} {bound!r}, false)" for sign, bound in bounds if bound is not None]
    valid = " AND ".join(conditions) or "true"
    single = f"single_rows AS (SELECT DISTINCT * FROM {quoted(dataset)})"  # noqa: S608 - as above
    return f"{single}, valid_rows AS (SELECT * FROM single_rows WHERE {valid})"  # noqa: S608 - as above


def _made(feature: Feature) -> str:
    column = quoted(feature.column)
    match feature.kind:
        case "zscore":
            return f"({column} - avg({column}) OVER ())::DOUBLE / nullif(stddev_pop({column}) OVER (), 0)"
        case "log":
            return f"CASE WHEN {column} > -1 THEN ln(1 + {column}::DOUBLE) END"
        case "missing":
            return f"({column} IS NULL)::INTEGER"
        case "frequency":
            return f"count(*) OVER (PARTITION BY {column})::DOUBLE / count(*) OVER ()"
        case "year" | "month":
            return f"date_part('{feature.kind}', {column})"
        case "weekday":
            return f"date_part('isodow', {column})"
