"""Pages of HTML, for people without the console: no scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import unicodedata

from starlette.responses import HTMLResponse

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1b1f27;"
    "background:#fbfbfc}button{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem 0 0;min-height:2.5rem}"
    "textarea{font:inherit;width:100%;box-sizing:border-box}dt{color:#5b6472}dd{margin:0 0 .5rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}p{overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#e7eaf0;background:#0e1116}dt{color:#9aa5b5}}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_UNSEEN = re.compile(r"[^\n\S]")


def document(title: str, *parts: str, status: int = 200, referrer: str = "no-referrer") -> HTMLResponse:
    """Return a page. `parts` are HTML: what is from elsewhere goes through `shown` first."""
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{shown(title)}</title><style>{_STYLE}</style><main><h1>{shown(title)}</h1>{''.join(parts)}</main></html>"
    )
    return HTMLResponse(text, status, {"content-security-policy": _POLICY, "referrer-policy": referrer})


def shown(text: object) -> str:
    """Return text as HTML shows it: as it is, but for characters that hide or turn others."""
    plain = _UNSEEN.sub(" ", str(text))
    hidden = {"Cc", "Cf", "Cs", "Co"}
    seen = "".join(each if each == "\n" or unicodedata.category(each) not in hidden else "\ufffd" for each in plain)
    return html.escape(seen)
