"""SQL of others, parsed within bounds: there are texts of a hundred characters over which sqlglot takes for ever.

Where a name of a type stands before a bracket it tries the rest twice, as a type and as a function, and so at each
level within.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlglot import exp

#: Brackets behind names of types that may be open at once.
MOST_TYPES = 6


class TooDeep(ValueError):
    """A text is nested too deeply to be parsed."""


def parsed(sql: str, dialect: str | None = None) -> list[exp.Expr | None]:
    """Return the statements of a text. Raises TooDeep, and sqlglot's errors."""
    import sqlglot  # noqa: PLC0415 - a tenth of a second, and of an extra

    found = sqlglot.Dialect.get_or_raise(dialect)
    tokens = found.tokenize(sql)
    check(tokens, found.parser_class.TYPE_TOKENS)
    return found.parser().parse(tokens, sql)


def check(tokens: Iterable[Any], types: Iterable[Any]) -> None:
    """Raise TooDeep for tokens with more types open at once than a parser can try in every way."""
    from sqlglot.tokenizer_core import TokenType  # noqa: PLC0415 - as above

    names, opened, before = frozenset(types), list[bool](), None
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
            opened.append(before in names)
            if opened[-1] and sum(opened) > MOST_TYPES:
                raise TooDeep(f"names of types stand before brackets more than {MOST_TYPES} deep")
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET) and opened:
            opened.pop()
        before = token.token_type
