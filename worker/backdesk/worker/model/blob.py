"""A reference to a blob: what stands in Redis for a value or a file that is too large for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: A job, or what else has blobs, as in `attachment=…`: safe as the name of a folder, and never `.` or `..`.
OWNER_PATTERN = r"^((attachment|schedule)=)?[A-Za-z0-9][A-Za-z0-9_.@-]{0,191}$"
#: A deployment: what tells its blobs from those of others in the same place.
DEPLOYMENT_PATTERN = r"^[0-9a-f]{16}$"
JSON = "application/json"
#: In characters: of the name of a file, and of the address of a store.
LONGEST_NAME = 255
LONGEST_PLACE = 1024
BINARY = "application/octet-stream"

_TYPE_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}"
MediaType = Annotated[str, StringConstraints(pattern=rf"^{_TYPE_NAME}/{_TYPE_NAME}$")]


class BlobRef(BaseModel):
    """Names a blob of a tenant, and holds no secret: who has it can read the blob as that tenant alone.

    A blob belongs to its `owner`, a job as a rule, and goes with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: Annotated[str, StringConstraints(pattern=OWNER_PATTERN)]
    #: The Redis that knows the owner.
    deployment: Annotated[str, StringConstraints(pattern=DEPLOYMENT_PATTERN)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    bytes: int = Field(ge=0)
    media_type: MediaType = BINARY
    #: What a person calls it; never a part of a path.
    name: Annotated[str, StringConstraints(max_length=LONGEST_NAME)] = ""
    #: The store that it was written to, without user and password.
    where: Annotated[str, StringConstraints(max_length=LONGEST_PLACE)] = ""
    #: The id of the master key under which it is encrypted; "" for a blob in the clear.
    key: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{12})?$")] = ""

    @property
    def id(self) -> str:
        """How people name the blob: the job that it belongs to, and its digest."""
        return f"{self.owner}/{self.sha256}"
