"""The letters of an answer, by what its sender calls them.

Python reads by far more names than texts are written in: some take quadratic time, some raise whatever is asked for.
What is none of those that texts come in is read as UTF-8.
"""

from __future__ import annotations

import re

_KNOWN = re.compile(
    r"utf-?(8|16|32)(-?(le|be|sig))?|(us-?)?ascii|latin-?\d{1,2}|iso-?8859-?\d{1,2}|(windows|cp)-?\d{3,4}|koi8-?[rut]"
    r"|gb(2312|k|18030)|big5(-?hkscs)?|(shift-?|s)jis|euc-?(jp|kr)|iso-?2022-?(jp|kr)|ks-c-5601-1987|tis-?620"
    r"|mac-?(roman|cyrillic|greek|turkish|latin2)|macintosh",
    re.IGNORECASE,
)


def decoded(body: bytes, charset: str) -> str:
    """Return what bytes say, whatever is wrong with them or with what their sender says of them."""
    known = _KNOWN.fullmatch(charset.strip().replace("_", "-")) is not None
    try:
        return body.decode(charset.strip() if known else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
