"""What requests and results have in common: how they are checked, and the types that several have."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from backdesk.platform.public_address import is_public

Message = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
#: Marks what a customer writes: a deployment may refuse or mark what looks like code in it (BACKDESK_INPUT_GUARD).
#: It is the mark of `backdesk.worker.model.input_guard`, in its own words: contracts import pydantic alone.
GUARDED: dict[str, JsonValue] = {"x-guarded": True}
GuardedMessage = Annotated[Message, Field(json_schema_extra=GUARDED)]
#: An id of the caller's own making: anything printable. Here as elsewhere the length is no part of the pattern, which
#: would be compiled once for each character that there may be: 150 KiB in each process.
Reference = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")]
#: The most files that one request may name.
MOST_ATTACHMENTS = 8
Priority = Literal["low", "normal", "high", "urgent"]


def _public_https(url: str) -> str:
    """Refuse what is plainly no public address. Where a name leads to is looked at when a job fetches it."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or not url.isprintable():
        raise ValueError("must begin with https://, and have a host and no user before it")
    if parts.port == 0 or _is_private(parts.hostname):
        raise ValueError("must be on a public host")
    return url


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:  # a name
        return host.rstrip(".").rpartition(".")[2] in ("localhost", "local", "internal", "")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is no time zone: write an IANA name such as Europe/Berlin") from error
    return name


#: The IANA name of a time zone.
TimeZone = Annotated[str, AfterValidator(_known_zone)]
#: A data set of the catalogue of queries, as SQL has it without quotes. Two underscores are for tables of ours.
DatasetName = Annotated[str, StringConstraints(pattern=r"^_?[a-z][a-z0-9_]{0,61}$")]


class Contract(BaseModel):
    """A request or a result: frozen, and a field that it does not know is an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Attachment(Contract):
    """A file that comes with a request, named by one of two: what `client.attachments.add` gave, or an address.

    What is at an address is fetched by the job, once.
    """

    id: Annotated[str, StringConstraints(pattern=r"^att-[0-9a-f]{64}$")] | None = Field(
        None, description="Of a file that was attached before, for the same tenant."
    )
    url: Annotated[str, StringConstraints(max_length=2048), AfterValidator(_public_https)] | None = Field(
        None, description="Where it is: https://, on a public host."
    )
    name: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f/\\]+$")] | None = Field(
        None, description="What it is called; of text it also says which sort it is: .md, .csv."
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.id is None) == (self.url is None):
            raise ValueError("give either the id of a file that was attached, or the url of one")
        return self


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
