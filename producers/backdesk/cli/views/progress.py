"""How a job's events are shown while they come: as JSON, as lines in a pipe, or live on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_block, safe_line
from backdesk.cli.views.bars import Bars
from backdesk.cli.views.events import TEXT_AT, TIME_WIDTH, event_line, refuses
from backdesk.cli.views.plan import plan_list
from backdesk.worker.model.events import TERMINAL_EVENTS, EventType, JobEvent
from backdesk.worker.model.plan import PlanStep

_STYLES: dict[str, str] = {
    EventType.AGENT: "magenta",
    EventType.MODEL_CALLED: "dim",
    EventType.MODEL_RETURNED: "dim",
    EventType.TOOL_CALLED: "cyan",
    EventType.TOOL_RETURNED: "cyan",
    EventType.REVIEW: "magenta",
    EventType.INPUT_FLAGGED: "yellow",
    EventType.RETRYING: "yellow",
    EventType.LIMITED: "yellow",
    EventType.WAITING: "bold yellow",
    EventType.ANSWERED: "magenta",
    EventType.STEP: "cyan",
    EventType.STEERING: "magenta",
    EventType.SUCCEEDED: "bold green",
    EventType.FAILED: "bold red",
    EventType.CANCELLED: "bold red",
    EventType.EXPIRED: "bold red",
    EventType.STEERED: "bold green",
}
#: Rows of the terminal that the streamed answer leaves to what is above it, besides those of the plan and the bars.
_ROWS_KEPT = 5


class View(Protocol):
    """Shows the events of one job; used as a `with` block around all of them."""

    #: Whether it is to be given the events of the jobs as well that the job has called.
    shows_children: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: JobEvent) -> None:
        """Show one event."""


def view_for(out: Output | None) -> View:
    """Return the view that fits where standard output goes; one that shows nothing for None."""
    if out is None:
        return NoView()
    if out.as_json:
        return JsonView(out)
    return LiveView(out) if out.live else LineView(out)


class NoView:
    """Shows nothing."""

    shows_children = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: JobEvent) -> None:
        pass


class JsonView(NoView):
    """One JSON object a line: the events themselves."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def show(self, event: JobEvent) -> None:
        self._out.document(event)


class LineView:
    """One line an event. Pieces of streamed text that follow one another become one line."""

    shows_children = False

    def __init__(self, out: Output) -> None:
        self._out = out
        self._first_token: JobEvent | None = None
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_text()

    def show(self, event: JobEvent) -> None:
        if event.type == EventType.TOKEN:
            self._first_token = self._first_token or event
            self._text += str(event.data.get("text", ""))
            return
        self._end_text(void=refuses(event))
        self._out.line(event_line(event))

    def _end_text(self, *, void: bool = False) -> None:
        if self._first_token is not None:
            at = event_line(self._first_token.model_copy(update={"data": {}}))
            self._out.line(f"{at:<{TEXT_AT}}{'[void] ' if void else ''}{safe_line(self._text)}")
        self._first_token, self._text = None, ""


class LiveView:
    """Bars of progress, under the events so far, the text that is being streamed, and the plan as it stands."""

    shows_children = True

    def __init__(self, out: Output) -> None:
        self._console = out.console
        self._text = ""
        self._plan: list[PlanStep] = []
        self._job_id = ""
        self._bars = Bars(out.console)
        self._live = Live(console=out.console, get_renderable=self._render, refresh_per_second=15, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: JobEvent) -> None:
        self._job_id = self._job_id or event.job_id
        if event.job_id != self._job_id:
            self._bars.child(event)
        elif event.type == EventType.TOKEN:
            self._text += safe_block(event.data.get("text", ""))
        elif plan := event.plan:
            self._plan = plan
        elif not self._in_bars(event):
            self._print(event)

    def refresh(self) -> None:
        """Draw at once instead of at the next tick."""
        self._live.refresh()

    def _in_bars(self, event: JobEvent) -> bool:
        """Take an event into the bars; whether they show all of it."""
        match event.type:
            case EventType.PROGRESS:
                return self._bars.progress(event)
            case EventType.TOOL_PROGRESS:
                self._bars.tool(event)
                return True
            case EventType.TOOL_RETURNED:
                self._bars.tool(event)
            case EventType.STARTED | EventType.QUEUED | EventType.RETRYING | EventType.LIMITED | EventType.WAITING:
                self._bars.begin_anew()
        return False

    def _print(self, event: JobEvent) -> None:
        if event.type not in TERMINAL_EVENTS:
            self._keep_text(void=refuses(event))
        else:
            self._keep_plan()
        line = Text(event_line(event))
        line.stylize("dim", 0, TIME_WIDTH)
        line.stylize(_STYLES.get(event.type, ""), TIME_WIDTH, TEXT_AT)
        self._console.print(line)

    def _keep_text(self, *, void: bool) -> None:
        """Print text of the model that something else follows: it is not the answer, which comes with the result."""
        if self._text.strip():
            self._console.print(Text(self._text.strip(), "dim strike" if void else "italic"))
        self._text = ""

    def _keep_plan(self) -> None:
        """Print how far the plan came, as what is redrawn goes away."""
        plan, self._plan = self._plan, []
        if plan:
            self._console.print(plan_list(plan))

    def _render(self) -> RenderableType:
        lines = Text(self._text, "bold").wrap(self._console, self._console.width)
        room = max(self._console.height - _ROWS_KEPT - len(self._plan) - len(self._bars), 1)
        plan = [plan_list(self._plan)] if self._plan else []
        return Group(Text("\n").join(lines[-room:]), *plan, self._bars.shown)
