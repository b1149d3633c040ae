"""One answer of a chat while it comes: what is done, dim, and the words as they are written."""

from __future__ import annotations

from rich.text import Text

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_block, safe_line
from backdesk.cli.views.events import event_text, refuses
from backdesk.worker.model.events import EventType, JobEvent

#: What is told beside the words, each as a line.
_TOLD = frozenset(
    {EventType.AGENT, EventType.TOOL_CALLED, EventType.TOOL_RETURNED, EventType.RETRYING, EventType.LIMITED}
)


class AnswerView:
    """Shows one answer; pieces of text go out as they come where a person watches, else the whole in the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._attempt = 0
        #: What stands on the screen as the answer so far.
        self._shown = ""

    def show(self, event: JobEvent) -> None:
        """Show what one event means to whoever chats."""
        if event.attempt > self._attempt:
            self._take_back("begins anew")
            self._attempt = event.attempt
        if event.type == EventType.TOKEN:
            self._write(str(event.data.get("text", "")))
        elif refuses(event):
            self._take_back(event_text(event))
        elif event.type in _TOLD:
            self.tell(event_text(event))

    def tell(self, text: str, style: str = "dim") -> None:
        """Print a line that is no part of the answer."""
        self._end_line()
        self._out.line(f"  {text}", style)

    def end(self, answer: str) -> None:
        """Print what of the answer does not stand there yet."""
        if self._shown.strip() == safe_block(answer).strip():
            self._end_line()
            return
        self._take_back("the answer is")
        self._out.block(answer, "bold")

    def _write(self, piece: str) -> None:
        if self._out.live:
            self._shown += safe_block(piece)
            self._out.console.print(Text(safe_block(piece), "bold"), end="", soft_wrap=True)

    def _take_back(self, why: str) -> None:
        if self._shown:
            self._end_line()
            self._out.line(f"  (taken back: {safe_line(why)})", "yellow")
        self._shown = ""

    def _end_line(self) -> None:
        if self._shown and not self._shown.endswith("\n"):
            self._out.line("")
            self._shown += "\n"
