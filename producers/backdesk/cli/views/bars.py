"""The bars of a job on a terminal: its own, and one each for the tool calls and the called jobs that are under way."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.pace import EventClock, Pace
from backdesk.worker.model.events import EventType, JobEvent

#: Columns that the words beside a bar leave to it, and those that they have in any case.
BAR_COLUMNS, LEAST_WORDS = 42, 20
#: Lines under the job's own: those that began last are shown.
MOST_LINES = 6


class Bar:
    """One line: whose it is, how far it is, how fast, and what is said of it."""

    def __init__(self, label: str, clock: Callable[[], float]) -> None:
        self.label = label
        self.message = ""
        self.clock = EventClock(clock)
        self.pace = Pace(self.clock)

    def tell(self, event: JobEvent) -> None:
        """Take in an event of progress."""
        self.clock.hear(event.at)
        self.pace.observe(event.data)
        self.message = safe_line(event.data.get("message", "")) or self.message

    def begin_anew(self) -> None:
        """Forget how fast it was: another attempt is another beginning."""
        self.pace = Pace(self.clock)

    def words(self, room: int) -> str:
        """Return what stands beside the bar, in so many columns."""
        known = " ".join(filter(None, (self.label, self.pace.text())))
        message = safe_line(self.message, max(room - len(known) - 1, LEAST_WORDS))
        return " ".join(filter(None, (known, message)))


class WordsColumn(ProgressColumn):
    """What stands beside a bar: it changes as time passes."""

    max_refresh = 0.1

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def render(self, task: Task) -> Text:
        bar: Bar = task.fields["bar"]
        return Text(bar.words(self._console.width - BAR_COLUMNS), no_wrap=True, overflow="ellipsis")


class Bars:
    """The bars of the job that is followed, and of what it has others do."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.shown = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            WordsColumn(console),
            console=console,
        )
        self._own = Bar("", clock)
        self._lines: dict[str, tuple[TaskID, Bar]] = {"": (self._begin(self._own), self._own)}

    def __len__(self) -> int:
        return len(self._lines)

    def progress(self, event: JobEvent) -> bool:
        """Take in how far the job is; whether its bar says all of it, so that the event needs no line of its own."""
        self._tell("", event)
        said = event.data.get("message") or self._own.pace.fraction is not None
        return bool(said)

    def tool(self, event: JobEvent) -> None:
        """Take in an event of a call of a tool: how far it is, or that it has returned."""
        name = f"tool {event.job_id} {event.data.get('call_id')}"
        if event.type == EventType.TOOL_PROGRESS:
            self._line(name, safe_line(event.data.get("tool", "")))
            self._tell(name, event)
        else:
            self._end(name)

    def child(self, event: JobEvent) -> None:
        """Take in an event of a job that this one has called, or that one of those has called."""
        name = f"job {event.job_id}"
        if event.terminal:
            self._end(name)
        elif event.type == EventType.PROGRESS:
            self._line(name, safe_line(event.kind))
            self._tell(name, event)
        elif event.type in {EventType.STARTED, EventType.RETRYING} and name in self._lines:
            self._lines[name][1].begin_anew()

    def begin_anew(self) -> None:
        """Forget how fast the job was, and what its tools were at."""
        self._own.begin_anew()
        for name in [name for name in self._lines if name.startswith("tool ")]:
            self._end(name)

    def _tell(self, name: str, event: JobEvent) -> None:
        task, bar = self._lines[name]
        bar.tell(event)
        self.shown.update(task, completed=bar.pace.fraction)

    def _line(self, name: str, label: str) -> None:
        if name in self._lines:
            return
        if len(self._lines) > MOST_LINES:
            self._end(next(each for each in self._lines if each))
        bar = Bar(label, self._clock)
        self._lines[name] = (self._begin(bar), bar)

    def _begin(self, bar: Bar) -> TaskID:
        return self.shown.add_task("", total=1.0, bar=bar)

    def _end(self, name: str) -> None:
        if name in self._lines:
            self.shown.remove_task(self._lines.pop(name)[0])
