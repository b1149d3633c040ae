"""Run Python that the agent writes, in isolation, by a job of its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from backdesk.agents.desk import Desk
from backdesk.agents.outcome import Refusal, ToolOutcome
from backdesk.agents.tools import Tool, tool
from backdesk.tools.code.contract import KIND_NAME, LONGEST_CODE, OFF, CodeRun
from backdesk.worker.errors import TaskError

PythonCode = Annotated[
    str, Field(max_length=LONGEST_CODE, description="Python 3. Its result is its last expression, or `result`.")
]


class CodeOutcome(ToolOutcome, CodeRun):
    """What came of a run."""

    def summary(self) -> str:
        ended = self.error.splitlines()[-1] if self.error else "done"
        made = f", {len(self.files)} files" if self.files else ""
        return f"{ended}{made}, {self.seconds:.1f} s ({self.level})"


def code_tool(
    name: str = "run_python", *, attachments: bool = True, seconds: float | None = None
) -> Tool[..., CodeOutcome | Refusal]:
    """Return a tool by which an agent runs Python: the standard library, a folder of its own, no network.

    With `attachments` the files of the message are in the folder. It takes at most `seconds`, and what the settings
    allow. A job `code.run` on the queue `tools` does the work, where BACKDESK_CODE_TOOL allows it; elsewhere the tool
    refuses.
    """

    @tool("pure", name=name, description=_DESCRIPTION + (_FILES if attachments else ""))
    async def run_python(desk: Desk, code: PythonCode) -> CodeOutcome | Refusal:
        request: dict[str, Any] = {"code": code, "files": _files(desk) if attachments else [], "seconds": seconds}
        end = await desk.call(KIND_NAME, request)
        if end.ok:
            return CodeOutcome.model_validate(end.result)
        failure = end.error
        if failure is not None and failure.code == OFF:
            return Refusal(refused=failure.message)
        code_of, message = (failure.code, failure.message) if failure else ("unknown", "no reason was recorded")
        raise TaskError(code_of, f"the code could not be run: {message}")

    return run_python


_DESCRIPTION = (
    "Run Python in isolation, with the standard library alone, and return its result, what it printed, and its error. "
    "There is no network, no other process, and a time limit of seconds. Nothing is kept from one call to the next but "
    "what is returned; files that it writes into the current folder are kept and listed."
)
_FILES = " The files of the customer's message are in the current folder, under their names."


def _files(desk: Desk) -> list[dict[str, str]]:
    from backdesk.tools.isolation.files import file_names  # noqa: PLC0415 - with what runs code, which others do

    names = file_names([each.name for each in desk.attached])
    return [{"id": each.id, "name": name} for each, name in zip(desk.attached, names, strict=True)]
