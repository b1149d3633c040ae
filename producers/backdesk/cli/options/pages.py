"""How much of a list, and from where on."""

from __future__ import annotations

from typing import Annotated

import typer

Limit = Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")]
Cursor = Annotated[str | None, typer.Option(metavar="CURSOR", help="Go on behind the page that ended with this.")]
