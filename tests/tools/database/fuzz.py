"""Random queries, by a seed: of a grammar whose words may be shown, or must not; some of them mangled afterwards."""

# ruff: noqa: S608, SIM905 - repeatable hostile SQL is what is made here, of words

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

_COLUMNS = {
    "orders": "number status cents placed_on note details extra".split(),
    "items": "order_number sku quantity".split(),
    "products": "sku name price".split(),
    "visits": "day count".split(),
}
_HIDDEN = "card tenant cost secret id rowid oid ctid xmin tableoid orders items vault o x".split()
_TABLES = [
    "vault",
    "everything",
    "other.orders",
    "main.orders",
    "public.orders",
    "pg_class",
    "sqlite_master",
    '"Orders"',
]
_ALIASES = "o p x y orders items vault card tenant note".split()
_OF_ONE = "lower upper trim coalesce".split() * 20 + "max min count length abs sum to_json hex array_agg".split()
_OF_TWO = (
    "coalesce concat nullif".split() * 12
    + "substr left max min".split()
    + "query_to_xml string_agg json_agg row_to_json".split()
)
_WINDOWS = "row_number() rank() lag({}) first_value({}) sum({}) count(*) max({}) ntile(2)".split()
_JOINS = [
    "JOIN",
    "LEFT JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
    "NATURAL JOIN",
    "NATURAL LEFT JOIN",
    ",",
] * 10 + [", LATERAL"]
_TYPES = "text int numeric date boolean varchar(3) regclass json xml oid orders text[]".split()
_NOISE = (
    "/* x */|/* /* x */ */|/*|*/|-- x\n|--|;|$$|$a$|E'\\'|'|\"|''|(|)|\\|\x0b|\xa0|\u2003|\ufeff|::|.|*|,"
    '|U&"\\0063ard"|[card]|`card`|\u017fecret|\uff43ard|:tenant|$1|?|@x|card|vault|tenant'
    "|UNION SELECT secret FROM vault|OR 1 = 1|ONLY|LATERAL|COLLATE nocase|FOR UPDATE|INTO x|TABLE vault"
    "|RETURNING *|WITH|RECURSIVE|AS|SELECT|FROM|EXCEPT|ALL|NOT INDEXED"
).split("|")


class Fuzz:
    """Makes queries, the same for the same seed."""

    def __init__(self, seed: int, dialect: str) -> None:
        self._random = random.Random(seed)
        self._dialect = dialect
        self._ctes: list[str] = []
        #: What the columns of each WITH are called.
        self._columns_of: dict[str, list[str]] = {}
        #: What is known where the query is being written: names of sources to their columns.
        self._scopes: list[dict[str, list[str]]] = []

    def queries(self, count: int) -> Iterator[str]:
        """Yield so many queries."""
        for _ in range(count):
            self._ctes, self._scopes = [], []
            made, _ = self.query(3)
            yield self._mangled(made) if self._likely(0.15) else made

    def query(self, depth: int, width: int = 0) -> tuple[str, list[str]]:
        """Return a query, and what its columns are called; of `width` columns if that is given."""
        known = [*self._ctes]
        prefix = ""
        if depth > 1 and self._likely(0.3):
            made = []
            for _ in range(self._random.randint(1, 2)):
                name = self._random.choice([*_ALIASES, "w", "w2"])
                inner, columns = self.query(depth - 1)
                made.append(f"{name} AS ({inner})")
                self._ctes.append(name)
                self._columns_of[name] = columns
            prefix = f"WITH {', '.join(made)} "
        core, columns = self._select(depth, width)
        while self._likely(0.15) and depth > 0:
            other, _ = self._select(depth - 1, len(columns))
            core = f"{core} {self._random.choice(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} {other}"
        if self._likely(0.25):
            core += f" ORDER BY {self._random.choice(['1', '2', *columns, *_HIDDEN])}"
        if self._likely(0.15):
            core += self._random.choice(
                [" LIMIT 5", " LIMIT 5 OFFSET 1"] * 20 + [" FETCH FIRST 3 ROWS ONLY", " FOR UPDATE"]
            )
        self._ctes = known
        return prefix + core, columns

    def _select(self, depth: int, width: int) -> tuple[str, list[str]]:
        self._scopes.append({})
        source = self._from(depth)
        columns: list[str] = []
        written: list[str] = []
        for at in range(width or self._random.randint(1, 4)):
            expression = self._expression(2)
            if not width and self._likely(0.08):
                expression = self._random.choice(["*", *(f"{name}.*" for name in self._scopes[-1])])
                written.append(expression)
                columns += [each for names in self._scopes[-1].values() for each in names]
                continue
            name = self._random.choice([f"c{at}", f"c{at}", *_ALIASES, *_HIDDEN])
            written.append(f"{expression} AS {name}")
            columns.append(name)
        text = f"SELECT {self._random.choice(['', '', '', 'DISTINCT ', 'ALL '])}{', '.join(written)} FROM {source}"
        if self._likely(0.5):
            text += f" WHERE {self._condition(depth)}"
        if self._likely(0.05):
            text += f" GROUP BY {', '.join(self._expression(1) for _ in range(self._random.randint(1, 2)))}"
            if self._likely(0.4):
                text += f" HAVING {self._condition(depth)}"
        self._scopes.pop()
        return text, columns or ["c0"]

    def _from(self, depth: int) -> str:
        text = self._source(depth)
        while self._likely(0.35):
            join = self._random.choice(_JOINS)
            text += f" {join} {self._source(depth)}"
            if join.endswith("JOIN") and "NATURAL" not in join and "CROSS" not in join:
                using = self._random.choice(["sku", "tenant", "number", "note", "card"])
                text += f" USING ({using})" if self._likely(0.3) else f" ON {self._condition(1)}"
        return text

    def _source(self, depth: int) -> str:
        alias = self._random.choice(_ALIASES)
        if depth > 1 and self._likely(0.25):
            inner, columns = self.query(depth - 1)
            self._scopes[-1][alias] = columns
            return f"({inner}) AS {alias}"
        if self._ctes and self._likely(0.4):
            name = self._random.choice(self._ctes)
            columns = self._columns_of[name]
        else:
            name = self._random.choice(_TABLES) if self._likely(0.03) else self._random.choice([*_COLUMNS])
            columns = _COLUMNS.get(name, [*_HIDDEN])
        if self._likely(0.6):
            self._scopes[-1][alias] = columns
            return f"{name} {self._random.choice(['', 'AS '])}{alias}" + (
                f"({', '.join(columns)})" if self._likely(0.01) else ""
            )
        self._scopes[-1][name] = columns
        return name

    def _column(self) -> str:
        scope = self._random.choice(self._scopes)
        if not scope or self._likely(0.02):
            return self._random.choice([*_HIDDEN, *_ALIASES])
        source = self._random.choice([*scope])
        column = self._random.choice(_HIDDEN if self._likely(0.02) else scope[source])
        shapes = (
            ["{s}.{c}"] * 12
            + ["{c}"] * 4
            + ['{s}."{c}"', "({s}).{c}", "({s}.{c})", "{s}", "(SELECT {s}.{c})", '"{c}"', "{s}.*", "({s}.*)"]
        )
        chosen = self._random.choice(shapes[:16] if self._likely(0.95) else shapes)
        found = chosen.format(s=source, c=column)
        # PostgreSQL compares no text with a number.
        return f"CAST({found} AS text)" if self._dialect == "postgres" and self._likely(0.9) else found

    def _expression(self, depth: int) -> str:
        if depth <= 0 or self._likely(0.45):
            return self._column() if self._likely(0.85) else self._random.choice(["1", "'x'", "NULL", "'S'"])
        pick, within = self._random.choice, depth - 1
        one, other = self._expression(within), self._expression(within)
        made: Sequence[Callable[[], str]] = (
            lambda: f"{pick(_OF_ONE)}({one})",
            lambda: f"{pick(_OF_TWO)}({one}, {other})",
            lambda: f"({one} || {other})",
            lambda: f"(CASE WHEN {self._condition(1)} THEN {one} ELSE {other} END)",
            lambda: f"CAST({one} AS {pick(_TYPES[:1] if self._likely(0.8) else _TYPES)})",
            lambda: f"(SELECT max({self._column()}) FROM {pick([*_COLUMNS])})",
            lambda: f"{pick(_WINDOWS).format(self._column())} OVER (PARTITION BY {self._column()} ORDER BY {one})",
            lambda: f"count(*) FILTER (WHERE {self._condition(1)})" if self._likely(0.2) else one,
            lambda: f"({self._column()} {pick('+ - * / %'.split())} 2)" if self._likely(0.3) else other,
            lambda: f"{one}::{pick(_TYPES)}" if self._dialect == "postgres" else f"({one} ->> 'size')",
        )
        return pick(made)()

    def _condition(self, depth: int) -> str:
        pick = self._random.choice
        made: Sequence[Callable[[], str]] = (
            lambda: f"{self._expression(1)} {pick('= <> < > <= >='.split())} {self._expression(1)}",
            lambda: f"{self._column()} = {self._column()}",
            lambda: f"{self._column()} IS {pick(['', 'NOT '])}NULL",
            lambda: f"{self._column()} LIKE '%{pick('S 7 n o _'.split())}%'",
            lambda: f"EXISTS ({self.query(max(1, depth - 1))[0]})",
            lambda: f"{self._column()} IN ({self.query(1, 1)[0]})",
            lambda: f"({self._condition(depth)} {pick(['AND', 'OR'])} {self._condition(depth)})",
            lambda: "1 = 1",
        )
        return pick(made)()

    def _mangled(self, text: str) -> str:
        words = text.split(" ")
        for _ in range(self._random.randint(1, 3)):
            at = self._random.randrange(len(words))
            match self._random.randrange(5):
                case 0:
                    words.insert(at, self._random.choice(_NOISE))
                case 1:
                    words[at] = self._random.choice(_NOISE)
                case 2:
                    words.pop(at) if len(words) > 1 else None
                case 3:
                    other = self._random.randrange(len(words))
                    words[at], words[other] = words[other], words[at]
                case _:
                    words[at] = words[at].swapcase()
        blanks = [" "] * 20 + ["\t", "\n", "/**/", "\x0c"]
        return "".join(word + self._random.choice(blanks) for word in words)

    def _likely(self, chance: float) -> bool:
        return self._random.random() < chance
