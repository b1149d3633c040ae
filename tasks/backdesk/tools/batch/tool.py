"""The tool by which an agent has one thing done for many items. The work is a job of its own: `batch.run`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Tool, tool
from backdesk.tools.batch.operation import Operation

#: Items that a model writes in one call, unless its author allows more.
MOST_ITEMS = 200
FileId = Annotated[
    str,
    Field(pattern=r"^att-[0-9a-f]{64}$", description="A file with a JSON array of items, or an item as JSON a line."),
]


class BatchAnswer(ToolOutcome):
    """What came of all items; `first` has the first of the results, and the rest is in the file."""

    items: int
    succeeded: int
    failed: int
    first: list[dict[str, Any]]
    #: Whether `first` are all.
    complete: bool
    errors: list[dict[str, Any]]
    file: dict[str, Any]

    def summary(self) -> str:
        return f"{self.succeeded:,} of {self.items:,} items done{f', {self.failed:,} failed' if self.failed else ''}"


def batch_tool(
    name: str, operation: Operation[Any, Any], *, description: str | None = None, most_items: int = MOST_ITEMS
) -> Tool[..., BatchAnswer | Refusal]:
    """Return a tool that does an operation for each of the items that the model names, or that an attached file has.

    The job that does it runs on the queue `tools`; the workers there load the module that declares the operation. Its
    description begins with what the operation says of itself. Raises ConfigurationError for a name that models cannot
    call.
    """
    told = description or operation.description

    async def over_all(desk: Desk, items: Any = None, file_id: FileId | None = None) -> BatchAnswer | Refusal:
        if (items is None) == (file_id is None):
            return Refusal(refused="Give either the items, or the id of a file that has them.")
        source = {"items": items} if file_id is None else {"attachment_id": file_id}
        end = await desk.call("batch.run", {"operation": operation.name, **source})
        if end.result is None:
            return Refusal(refused=end.error.message if end.error else "It came to no result.")
        return _answer(end.result)

    # What an item is, is known only here; the model is told by its schema.
    items_type = Annotated[list[operation.item], Field(min_length=1, max_length=most_items)]  # type: ignore[name-defined]
    over_all.__annotations__["items"] = items_type | None
    about = f"{told}\n\nDoes this for each of the items, at the same time, and returns the results in their order."
    return tool(operation.effect, name=name, description=about)(over_all)


def _answer(result: dict[str, Any]) -> BatchAnswer:
    known = {field: result[field] for field in BatchAnswer.model_fields if field in result}
    return BatchAnswer(**known, complete=len(result["first"]) == result["items"])
