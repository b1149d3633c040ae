"""Circuit breakers as people read them."""

from __future__ import annotations

from rich.text import Text

from backdesk.cli.output import Output
from backdesk.cli.safe_text import safe_line
from backdesk.cli.views.columns import fitted
from backdesk.cli.views.limits import until
from backdesk.cli.views.record import age
from backdesk.client.operations.service_limits import BreakerStatuses
from backdesk.worker.model.service import BreakerState, BreakerStatus

COLUMNS = ("service", "state", "since", "failures", "parked", "then")
DISPENSABLE = ("failures", "since")
_STYLES = {BreakerState.CLOSED: "green", BreakerState.OPEN: "bold red", BreakerState.HALF_OPEN: "yellow"}


def show_breakers(found: BreakerStatuses, out: Output) -> None:
    """Print breakers, a line each."""
    rows = [breaker_row(each) for each in found]
    out.show(fitted(COLUMNS, rows, width=out.console.width, dispensable=DISPENSABLE, numbers=("failures", "parked")))


def breaker_row(status: BreakerStatus) -> list[str | Text]:
    """Return the cells of a breaker, as `COLUMNS` names them."""
    return [
        safe_line(status.resource),
        Text(state_word(status.state), _STYLES[status.state]),
        f"{age(status.since)} ago" if status.since else "",
        str(status.failures or ""),
        str(status.parked or ""),
        _then(status),
    ]


def _then(status: BreakerStatus) -> str:
    if status.by_hand:
        return f"by hand, for {until(status.until)} more" if status.until else "by hand, until it is closed"
    if status.prober:
        return f"job {status.prober} probes it"
    return f"a probe in {until(status.next_probe)}" if status.next_probe else ""


def state_word(state: BreakerState) -> str:
    """Return a state in words."""
    return state.replace("_", " ")
