"""What a deployment tells of itself, over HTTP, and its notice of a maintenance."""

from __future__ import annotations

from datetime import timedelta

from backdesk.client.operations.deployment import DeploymentOperations, check_queue
from backdesk.client.operations.notes import NoteOperations, Notes
from backdesk.client.operations.operation import Operation
from backdesk.client.operations.overview import Overview, OverviewOperations
from backdesk.client.operations.series import Series, SeriesBy, SeriesOperations
from backdesk.client.operations.since import Since
from backdesk.client.operations.stats import By, StatisticsOperations, Stats
from backdesk.client.over_http.asking import as_a, ask_for, data_of, is_done
from backdesk.worker.memory.note import Note
from backdesk.worker.model.deployment import Demand, MaintenanceNotice, SystemState


class HttpDeployment(DeploymentOperations):
    """The operations about the deployment as a whole."""

    def state(self) -> Operation[SystemState]:
        """Return what there is to do and to do it with."""
        return ask_for(as_a(SystemState), "GET", "system")

    def demand(self, queue: str) -> Operation[Demand]:
        """Return how many slots a queue could use; raises InvalidRequest for what is no name."""
        check_queue(queue)
        return ask_for(as_a(Demand), "GET", "autoscale", queue)

    def begin_maintenance(self, message: str, for_: float | timedelta | None) -> Operation[MaintenanceNotice]:
        """Tell that there is a maintenance; raises InvalidRequest."""
        return ask_for(as_a(MaintenanceNotice), "PUT", "maintenance", body={"message": message, "seconds": for_})

    def end_maintenance(self) -> Operation[bool]:
        """Take the notice back; returns whether there was one."""
        return ask_for(is_done, "DELETE", "maintenance")

    def maintenance(self) -> Operation[MaintenanceNotice | None]:
        """Return the notice, None while there is none."""
        return ask_for(lambda told: told and as_a(MaintenanceNotice)(told), "GET", "maintenance")


class HttpOverview(OverviewOperations):
    """The operation that looks at everything."""

    def read(self, most_tenants: int, most_schedules: int) -> Operation[Overview]:
        """Look at everything."""
        query = {"tenants": most_tenants, "schedules": most_schedules}
        return ask_for(as_a(Overview), "GET", "overview", query=query)


class HttpStatistics(StatisticsOperations):
    """The operation that tells what jobs came to, by day."""

    def read(self, tenant: str | None, kind: str | None, since: Since, by: By) -> Operation[Stats]:
        """Return what jobs came to; raises InvalidRequest."""
        return ask_for(as_a(Stats), "GET", "stats", query={"tenant": tenant, "kind": kind, "since": since, "by": by})


class HttpSeries(SeriesOperations):
    """The operation that tells what jobs came to, by minute."""

    def read(
        self,
        since: Since,
        until: Since | None,
        step: timedelta | float,
        kind: str | None,
        queue: str | None,
        *,
        by: SeriesBy | None,
    ) -> Operation[Series]:
        """Return what ended; raises InvalidRequest."""
        query = {"since": since, "until": until, "step": step, "kind": kind, "queue": queue, "by": by}
        return ask_for(as_a(Series), "GET", "series", query=query)


class HttpNotes(NoteOperations):
    """The operation that reads notes."""

    def read(
        self, topic: str, tenant: str | None, kind: str | None, since: Since | None, limit: int
    ) -> Operation[Notes]:
        """Return the newest notes that fit, the newest first; raises InvalidRequest."""
        query = {"tenant": tenant, "kind": kind, "since": since, "limit": limit}
        return ask_for(data_of(Note), "GET", "notes", topic, query=query)
