"""Operations for trying `batch.run`, of no use beyond that."""

from __future__ import annotations

from backdesk.tools.batch.operation import ItemCall, operation


@operation("text.count", effect="pure")
def count_text(item: str, call: ItemCall) -> dict[str, int]:
    """Count the words and characters of a text."""
    return {"words": len(item.split()), "characters": len(item)}
