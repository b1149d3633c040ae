"""What a deployment tells of itself: kinds, workers, counts, figures of minutes and days, notes."""

# Generated from `backdesk.client.aio` by `make generate`: change it there.

from __future__ import annotations

from datetime import timedelta

from backdesk.client.blocking.connection import Connection
from backdesk.client.deployment import Deployment
from backdesk.client.operations.deployment import DeploymentOperations
from backdesk.client.operations.jobs import Announcements, Contracts, JobOperations
from backdesk.client.operations.notes import NoteOperations, Notes
from backdesk.client.operations.overview import Overview, OverviewOperations
from backdesk.client.operations.series import Series, SeriesBy, SeriesOperations
from backdesk.client.operations.since import Since
from backdesk.client.operations.stats import By, StatisticsOperations, Stats
from backdesk.client.over_http.served import served
from backdesk.worker.model.deployment import Demand, SystemState
from backdesk.worker.model.job import JobState


class Reports(Connection):
    """A connection, and what a deployment tells of itself as a whole. Nothing is changed by it."""

    def __init__(self, deployment: Deployment, core: JobOperations, key: str | None = None) -> None:
        super().__init__(deployment, key)
        self.core = core
        self._notes, self._overviews = served(core, NoteOperations), served(core, OverviewOperations)
        self._statistics, self._system = served(core, StatisticsOperations), served(core, DeploymentOperations)
        self._series = served(core, SeriesOperations)

    def kinds(self) -> Contracts:
        """Return the kinds that workers have announced, with the schemas of their requests and results."""
        return self.do(self.core.kinds())

    def workers(self) -> Announcements:
        """Return what live workers tell of themselves; `backdesk.worker.model.health.reasons_against` judges it."""
        return self.do(self.core.workers())

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        return self.do(self.core.counts())

    def system(self) -> SystemState:
        """Return what there is to do and to do it with, as a body sees it by `ctx.system`. Atomic, and cheap."""
        return self.do(self._system.state())

    def autoscale(self, queue: str) -> Demand:
        """Return how many slots a queue could use now, for what starts and stops workers. Atomic, and cheap.

        What limits and pauses hold is not among them: more workers would not begin it. A queue that nobody has used
        wants none. Raises InvalidRequest for what is no name.
        """
        return self.do(self._system.demand(queue))

    def overview(self, *, tenants: int = 20, schedules: int = 5) -> Overview:
        """Return what goes on now: queues, the busiest tenants, workers, breakers, limits, and what fires next.

        The work is bounded, however many jobs and tenants there are. Not atomic.
        """
        return self.do(self._overviews.read(tenants, schedules))

    def stats(
        self,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since = timedelta(days=7),
        by: By = "kind",
    ) -> Stats:
        """Return what jobs that ended came to, by `kind`, `tenant` or `day`, and in all: ends, times, costs, measures.

        `since` is a moment (naive = UTC), or how long ago (seconds or a timedelta); whole days in UTC are told, today
        the last of them; Redis has 40, an archive as many as it keeps jobs. Of one tenant or kind if it is named. Not
        atomic. Raises InvalidRequest.
        """
        return self.do(self._statistics.read(tenant, kind, since, by))

    def series(
        self,
        *,
        since: Since = timedelta(hours=1),
        until: Since | None = None,
        step: timedelta | float = timedelta(minutes=1),
        kind: str | None = None,
        queue: str | None = None,
        by: SeriesBy | None = None,
    ) -> Series:
        """Return what jobs that ended came to, step by step: ends, waits, run times, tokens, costs, of all tenants.

        `since` and `until` are moments (naive = UTC), or how long ago (seconds or a timedelta), and `step` whole
        minutes; minutes are kept for 48 hours. Of one kind or queue if it is named; `by` tells each `kind` or `queue`
        besides all. Raises InvalidRequest. A minute is told as a whole, several are not atomic.
        """
        return self.do(self._series.read(since, until, step, kind, queue, by=by))

    def notes(
        self,
        topic: str,
        *,
        tenant: str | None = None,
        kind: str | None = None,
        since: Since | None = None,
        limit: int = 100,
    ) -> Notes:
        """Return what jobs have noted of a topic (`ctx.note`), the newest first: of one tenant, or of all.

        `kind` is that of the jobs; `since` a moment (naive = UTC), or how long ago, in seconds or as a timedelta. Not
        atomic. Raises InvalidRequest.
        """
        return self.do(self._notes.read(topic, tenant, kind, since, limit))
