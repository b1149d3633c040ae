"""What is asked of a run of Python, and what comes of it: the contract of the kind `code.run`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from backdesk.platform.contract import MOST_ATTACHMENTS, Contract

KIND_NAME = "code.run"
LONGEST_CODE = 50_000
#: How a job fails where code is not run at all; the tool says so to the model.
OFF = "code_off"

Code = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_CODE)]
FileId = Annotated[str, StringConstraints(pattern=r"^att-[0-9a-f]{64}$")]
#: What a file is called in the folder of the code: a name, no path.
FileName = Annotated[str, StringConstraints(max_length=121, pattern=r"^[^\x00-\x1f\x7f/\\.-][^\x00-\x1f\x7f/\\]*$")]


class CodeFile(Contract):
    """A file of the tenant that the code finds in its folder."""

    id: FileId = Field(description="What `client.attachments.add` gave.")
    name: FileName = Field(description="What it is called there.")


class CodeRequest(Contract):
    """Python to be run in isolation, for the kind `code.run`."""

    code: Code = Field(description="Its result is its last expression, else what the variable `result` holds.")
    files: list[CodeFile] = Field(default=[], max_length=MOST_ATTACHMENTS)
    seconds: float | None = Field(
        None, gt=0, le=3600, description="How long it may take; no longer than BACKDESK_CODE_SECONDS allows."
    )


class MadeFile(BaseModel):
    """A file that the code has made or changed, kept for the tenant under its id."""

    model_config = ConfigDict(frozen=True)

    name: str
    id: str
    size: int


class CodeRun(BaseModel):
    """What came of it."""

    model_config = ConfigDict(frozen=True)

    #: Null where there is none, or it is no JSON; `error` says so then.
    result: JsonValue = None
    #: What it printed, on both streams, up to the limit; and how many bytes more there were.
    stdout: str = ""
    more_bytes: int = 0
    #: The end of the traceback, of the code's own lines; or what ended it.
    error: str | None = None
    #: The limit that ended it.
    stopped: Literal["time", "cpu", "output", "threads", "folder"] | None = None
    seconds: float
    cpu_seconds: float
    #: The most memory that it had at once.
    memory_mb: float
    files: list[MadeFile] = []
    #: Files that are not kept, each with the reason.
    left_out: list[str] = []
    #: How it was isolated: `bubblewrap`, `landlock` or `limits`.
    level: str
