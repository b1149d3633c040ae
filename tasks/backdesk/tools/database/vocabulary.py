"""The SQL that a query may be made of: kinds of nodes of the syntax tree, functions, types and words.

Whatever is not here is refused; a new version of the parser can add to its language but not to this one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp

from backdesk.tools.database.catalog import RESERVED
from backdesk.tools.database.refused import Refused


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _classes(names: str) -> frozenset[type[exp.Expr]]:
    return frozenset(getattr(exp, name) for name in names.split())


#: Nodes with parts that could hold anything: which of them a query may have.
_PARTS: Mapping[type[Any], frozenset[str]] = {
    exp.Select: _words(
        "with_ expressions distinct from_ joins where group having windows order limit offset operation_modifiers"
    ),
    exp.Union: _words("with_ this expression distinct order limit offset"),
    exp.Except: _words("with_ this expression distinct order limit offset"),
    exp.Intersect: _words("with_ this expression distinct order limit offset"),
    exp.Subquery: _words("this alias"),
    exp.Table: _words("this alias db"),
    exp.With: frozenset({"expressions"}),
    exp.CTE: _words("this alias materialized"),
    exp.Join: _words("this on side kind using method"),
    exp.Star: frozenset(),
    exp.Group: frozenset({"expressions"}),
    exp.Column: _words("this table"),
    exp.Cast: _words("this to"),
    exp.DataType: _words("this expressions nested"),
    exp.In: _words("this expressions query"),
    exp.LimitOptions: frozenset({"rows"}),
    exp.JSONExtract: _words("this expression only_json_types"),
    exp.JSONExtractScalar: _words("this expression only_json_types scalar_only json_subtype"),
}

_CLAUSES = _classes(
    "Alias Identifier TableAlias From Where Having Order Ordered Limit Offset Fetch Distinct Window WindowSpec Filter "
    "WithinGroup Paren Tuple Literal Null Boolean Case If Interval DataTypeParam Var Collate Escape Any All"
)
_OPERATORS = _classes(
    "Add Sub Mul Div IntDiv Mod Neg DPipe And Or Not EQ NEQ GT GTE LT LTE Is NullSafeEQ NullSafeNEQ Between Like ILike "
    "Glob RegexpLike RegexpILike SimilarTo BitwiseAnd BitwiseOr Exists AtTimeZone JSONPath JSONPathRoot JSONPathKey "
    "JSONPathSubscript"
)
_FUNCTIONS = _classes(
    # over rows
    "Count Sum Avg Min Max GroupConcat ArrayAgg LogicalAnd LogicalOr Stddev StddevPop StddevSamp Variance VariancePop "
    "Corr PercentileCont PercentileDisc Mode RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue "
    "LastValue NthValue "
    # of numbers and texts
    "Abs Round Trunc Ceil Floor Pow Sqrt Sign Exp Ln Log Greatest Least WidthBucket Length Lower Upper Initcap Trim "
    "Substring Left Right Replace StrPosition SplitPart Concat ConcatWs Coalesce Nullif Typeof "
    # of times
    "Date CurrentDate CurrentTimestamp CurrentTime Localtimestamp Localtime TimestampTrunc DateTrunc Extract TimeToStr "
    "TsOrDsToTimestamp TsOrDsToDate TsOrDsToTime StrToDate StrToTime UnixToTime"
)
#: Functions that the parser has no class for, in lower case.
_NAMED: Mapping[str, frozenset[str]] = {
    "sqlite": _words("total date datetime time julianday unixepoch"),
    "postgres": _words("age make_date every justify_days justify_hours make_timestamp"),
}
_ALLOWED = frozenset(_PARTS) | _CLAUSES | _OPERATORS | _FUNCTIONS | {exp.Anonymous}

_TYPES = frozenset(
    getattr(exp.DataType.Type, name)
    for name in _words(
        "BOOLEAN SMALLINT INT BIGINT DECIMAL FLOAT DOUBLE TEXT VARCHAR CHAR DATE TIME TIMESTAMP TIMESTAMPTZ INTERVAL"
    )
)
#: Words that are written as they stand: units of time, and collations of SQLite.
_UNITS = _words("microsecond millisecond second minute hour day week month quarter year decade century")
_AS_THEY_STAND = _UNITS | {f"{unit}s" for unit in _UNITS} | _words("dow doy isodow isoyear epoch nocase binary rtrim")
_SPAN = re.compile(r"[\w .:+-]{0,60}")
_KEY_OF_JSON = re.compile(r"[\w -]{1,64}")
#: Deeper trees are nobody's question, and cost the parser its stack.
DEEPEST = 60


def check(tree: exp.Expr, dialect: str) -> None:
    """Raise Refused for a tree that has anything else, with a reason that lets the model write it otherwise."""
    for node in tree.walk():
        if type(node) not in _ALLOWED:
            raise Refused(f"{_said(node)} is not allowed here")
        if (parts := _PARTS.get(type(node))) is not None:
            surplus = sorted(name for name, value in node.args.items() if value and name not in parts)
            if surplus:
                raise Refused(f"{_said(node)} with {', '.join(surplus).strip('_')} is not allowed here")
        if (rule := _RULES.get(type(node))) is not None:
            rule(node, dialect)
        if node.depth > DEEPEST:
            raise Refused("the query is nested too deeply")


def _said(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {str(node.this)[:40]}()"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()}()"
    return f"{type(node).__name__.upper()} in SQL"


def _check_named(node: exp.Expr, dialect: str) -> None:
    if not isinstance(node.this, str) or node.this.lower() not in _NAMED[dialect]:
        raise Refused(f"{_said(node)} is not allowed here")


def _check_with(node: exp.Expr, _dialect: str) -> None:
    if node.args.get("recursive"):
        raise Refused("WITH RECURSIVE is not allowed here")


def _check_table(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise Refused("only tables stand after FROM, no functions")


def _check_identifier(node: exp.Expr, _dialect: str) -> None:
    if node.name.lower().startswith(RESERVED):
        raise Refused(f"names that begin with {RESERVED} are reserved")
    if not node.name or not node.name.isprintable():
        raise Refused("a name has characters that cannot be printed")


def _check_type(node: exp.Expr, _dialect: str) -> None:
    if node.this not in _TYPES:
        raise Refused(f"the type {node.sql()[:40]} is not allowed here")


def _check_word(node: exp.Expr, _dialect: str) -> None:
    if node.name.lower() not in _AS_THEY_STAND:
        raise Refused(f"{node.name[:40]!r} is not allowed here")


def _check_extract(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.this, exp.Var):
        raise Refused("EXTRACT takes a unit of time, such as EXTRACT(year FROM placed_on)")


def _check_collation(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.expression, exp.Var):
        raise Refused("COLLATE takes NOCASE, BINARY or RTRIM here")


def _check_interval(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.this, exp.Literal) or not _SPAN.fullmatch(node.name):
        raise Refused("write intervals as INTERVAL '7 days'")


def _check_json_key(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.this, str) or not _KEY_OF_JSON.fullmatch(node.this):
        raise Refused("keys of JSON are letters, digits, blanks, _ and -")


def _check_json_subscript(node: exp.Expr, _dialect: str) -> None:
    if not isinstance(node.this, int):
        raise Refused("subscripts of JSON are numbers")


_RULES: Mapping[type[Any], Callable[[exp.Expr, str], None]] = {
    exp.Anonymous: _check_named,
    exp.With: _check_with,
    exp.Table: _check_table,
    exp.Identifier: _check_identifier,
    exp.DataType: _check_type,
    exp.Var: _check_word,
    exp.Extract: _check_extract,
    exp.Collate: _check_collation,
    exp.Interval: _check_interval,
    exp.JSONPathKey: _check_json_key,
    exp.JSONPathSubscript: _check_json_subscript,
}
