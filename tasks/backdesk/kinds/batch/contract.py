"""The kind `batch.run`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from backdesk.platform.contract import Contract, KindModels
from backdesk.worker.model.blob import BlobRef

MOST_ITEMS = 10_000


class BatchRequest(Contract):
    """What to do over which items, for the kind `batch.run`: a list, or a file with an item as JSON on each line."""

    operation: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,63}$")] = Field(
        description="The name of a declared operation."
    )
    items: list[Any] | None = Field(None, min_length=1, max_length=MOST_ITEMS, description="The items themselves.")
    attachment_id: Annotated[str, StringConstraints(pattern=r"^att-[0-9a-f]{64}$")] | None = Field(
        None, description="A file that was attached: a JSON array of items, or one item as JSON a line."
    )
    file: BlobRef | None = Field(None, description="A file of a job of this tenant: one item as JSON a line.")
    parallel: int | None = Field(None, ge=1, le=64, description="Items at a time, if fewer than its author allows.")
    most_failed: int | None = Field(None, ge=0, description="The job fails when more items than this have failed.")

    @model_validator(mode="after")
    def _has_items(self) -> Self:
        if sum(source is not None for source in (self.items, self.attachment_id, self.file)) != 1:
            raise ValueError("give one of items, attachment_id and file")
        return self


class ItemFailure(Contract):
    """Why an item came to nothing."""

    index: int
    code: str
    message: str


class BatchResult(Contract):
    """What came of it; the file has a line for each item, in their order."""

    operation: str
    items: int
    succeeded: int
    failed: int
    file: BlobRef = Field(description="Lines of JSON, each with `index` and either `result` or `error`.")
    first: list[dict[str, Any]] = Field(description="The first lines.")
    errors: list[ItemFailure] = Field(description="Some of the errors.")


KIND = KindModels("batch.run", "tools", BatchRequest, BatchResult)
