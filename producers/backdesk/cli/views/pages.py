"""What is told of a page besides what it holds: how far it goes, and how to go on."""

from __future__ import annotations

from typing import Any

from backdesk.cli.output import Output
from backdesk.worker.model.page import Page


def page_document(name: str, page: Page[Any]) -> dict[str, Any]:
    """Return a page as JSON data, what it holds by this name."""
    facts = {each: getattr(page, each) for each in ("cursor", "complete", "looked_at", "of")}
    return {name: page.items, **facts}


def show_rest(page: Page[Any], out: Output) -> None:
    """Print how to go on, if there is more to come."""
    if page.cursor is None:
        return
    if not page.complete:
        out.line(f"{page.looked_at:,} of {page.of:,} were looked at; there may be more", "yellow")
    out.line(f"go on: --cursor {page.cursor}", "dim")
