"""What requests and results have in common: how they are checked, and the types that several have."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
#: Marks what a customer writes: a deployment may refuse or mark what looks like code in it (BACKDESK_INPUT_GUARD).
#: It is the mark of `backdesk.worker.model.input_guard`, in its own words: contracts import pydantic alone.
GUARDED: dict[str, JsonValue] = {"x-guarded": True}
GuardedMessage = Annotated[Message, Field(json_schema_extra=GUARDED)]
#: An id of the caller's own making: anything printable.
Reference = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]{0,127}$")]
Priority = Literal["low", "normal", "high", "urgent"]


class Contract(BaseModel):
    """A request or a result: frozen, and a field that it does not know is an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Request = TypeVar("Request", bound=BaseModel)
Result = TypeVar("Result", bound=BaseModel)


class KindModels(NamedTuple, Generic[Request, Result]):
    """A kind of this deployment: where its jobs run, and what goes in and comes out.

    Submit with it in place of the kind's name, and types are checked: `client.submit(KIND, Request(…))`.
    """

    kind: str
    queue: str
    request: type[Request]
    result: type[Result]
