"""Every name that backdesk uses in Redis, under one prefix.

Scripts build the same names on the server, for jobs that they meet on their way, by functions that are written from
this class (`lua_names`). They get the prefix instead of a list of KEYS because which jobs and tenants they touch is
decided inside them; Redis Cluster, which would need the list, is not supported by Celery either.
"""

from __future__ import annotations

from dataclasses import dataclass

from backdesk.worker.settings import celery_queue

#: The names of `Keys` that are channels; all others are keys.
CHANNELS = frozenset({"breakers", "progress", "ended", "tenant_progress"})


@dataclass(frozen=True, slots=True)
class Keys:
    """Names for one prefix. "Retention" is the time a finished job is kept."""

    prefix: str

    def job(self, job_id: str) -> str:
        """Hash: the record of a job. Pruned after the retention once the job has ended."""
        return f"{self.prefix}:job:{job_id}"

    def events(self, job_id: str) -> str:
        """List: the event log of a job, as `read_log` reads it; position = seq - 1. Pruned with the job."""
        return f"{self.prefix}:events:{job_id}"

    def ledger(self, job_id: str) -> str:
        """Hash: what a job has finished and been told, by key. Pruned with the job."""
        return f"{self.prefix}:ledger:{job_id}"

    def checkpoint(self, job_id: str) -> str:
        """String: where the next attempt at a job goes on. Pruned with the job."""
        return f"{self.prefix}:checkpoint:{job_id}"

    def awaiting(self, job_id: str) -> str:
        """Hash: what a waiting job waits for, by name. Gone when empty."""
        return f"{self.prefix}:awaiting:{job_id}"

    @property
    def asks(self) -> str:
        """Zset: what jobs ask of people (`<job> <name>`), by deadline in ms, or 1e14 + asked. Gone when empty."""
        return f"{self.prefix}:asks"

    def tenant_asks(self, tenant: str) -> str:
        """Zset: what the jobs of a tenant ask of people, as `asks` has it. Gone when empty."""
        return f"{self.prefix}:tenant-asks:{tenant}"

    def children(self, job_id: str) -> str:
        """Set: the jobs that a job has called. Pruned with the job."""
        return f"{self.prefix}:children:{job_id}"

    @property
    def orphaned(self) -> str:
        """Hash: ended job to its state and how far its children are cancelled. Gone when empty."""
        return f"{self.prefix}:orphaned"

    @property
    def interrupted(self) -> str:
        """Hash: conversation to the last turn that is still to be cancelled in it. Gone when empty."""
        return f"{self.prefix}:interrupted"

    def spent(self, job_id: str) -> str:
        """Hash: what a job and those that it called have spent, and what calls set aside. Pruned with the job."""
        return f"{self.prefix}:spent:{job_id}"

    def spent_day(self, tenant: str, day: str) -> str:
        """Hash: what a tenant has spent on a day in UTC. Expires 40 days after it was last written."""
        return f"{self.prefix}:spent-day:{tenant}:{day}"

    def spenders(self, day: str) -> str:
        """Set: the tenants that have spent something on a day. Expires 40 days after it was last written."""
        return f"{self.prefix}:spenders:{day}"

    def stats(self, day: str, tenant: str, kind: str) -> str:
        """Hash: how jobs of a kind and tenant ended on a day in UTC, and what they measured. Expires 40 days later."""
        return f"{self.prefix}:stats:{day}:{tenant}:{kind}"

    def stats_of_day(self, day: str) -> str:
        """Set: the tenants with a kind (`acme orders.audit`) of which jobs ended on a day. Expires 40 days later."""
        return f"{self.prefix}:stats-of-day:{day}"

    @property
    def ends(self) -> str:
        """Hash: jobs that ended lately, by minute, queue, kind and how, until they are sorted. Kept, bounded."""
        return f"{self.prefix}:ends"

    def series(self, minute: str) -> str:
        """Hash: queue and kind to what ended in a minute since 1970, as JSON. Expires 49 hours later."""
        return f"{self.prefix}:series:{minute}"

    @property
    def totals(self) -> str:
        """Hash: queue and kind to what has ended so far, as JSON. Pruned with the kinds."""
        return f"{self.prefix}:totals"

    def line(self, queue: str, tenant: str, line: str) -> str:
        """Zset: what a tenant has waiting of a kind (`line_of`), by arrival in µs less priority. Gone when empty."""
        return f"{self.prefix}:line:{queue}:{tenant}:{line}"

    def ready(self, queue: str, tenant: str) -> str:
        """Zset: lines of a tenant that have a job that may run, by the rank of the best. Gone when empty."""
        return f"{self.prefix}:ready:{queue}:{tenant}"

    def lane(self, queue: str) -> str:
        """Zset: tenants with something ready in a queue, by virtual time. Gone when empty."""
        return f"{self.prefix}:lane:{queue}"

    def window(self, queue: str) -> str:
        """Zset: jobs handed to Celery and not yet claimed, by the time of the delivery in ms. Gone when empty."""
        return f"{self.prefix}:window:{queue}"

    def stranded(self, need: str) -> str:
        """Zset: queued jobs whose workers could not run them, by time in ms. Gone when empty.

        The need is their kind, or their kind and version (`backdesk.worker.model.version.Stranding`).
        """
        return f"{self.prefix}:stranded:{need}"

    @property
    def strandings(self) -> str:
        """Set: what stranded jobs need, that is, all names of such sets. Pruned as workers announce themselves."""
        return f"{self.prefix}:strandings"

    @property
    def leases(self) -> str:
        """Zset: running jobs, by the time in ms at which their lease ends. Gone when empty."""
        return f"{self.prefix}:leases"

    @property
    def due(self) -> str:
        """Zset: parked jobs, by the time in ms at which they become ready. Gone when empty."""
        return f"{self.prefix}:due"

    @property
    def expiring(self) -> str:
        """Zset: jobs with a time limit, by the time in ms at which it is reached. Gone when empty."""
        return f"{self.prefix}:expiring"

    @property
    def stopping(self) -> str:
        """Hash: running job to what its attempt is asked: to cancel, to drain, to hand over. Gone when empty."""
        return f"{self.prefix}:stopping"

    def state(self, state: str) -> str:
        """Zset: every job in a state, by the time in ms it entered it; `failed` holds the dead letters. Pruned."""
        return f"{self.prefix}:state:{state}"

    def jobs_of_kind(self, kind: str, state: str) -> str:
        """Zset: the jobs of a kind in a state but `running`, by the time in ms they entered it. Gone when empty."""
        return f"{self.prefix}:jobs-of-kind:{kind}:{state}"

    def jobs_of_tenant(self, tenant: str, state: str) -> str:
        """Zset: those of a tenant in a state but `queued`, `running`, by when in ms they entered. Gone when empty."""
        return f"{self.prefix}:jobs-of-tenant:{tenant}:{state}"

    def failed_with(self, code: str) -> str:
        """Zset: the dead letters with a code, by the time in ms they failed. Gone when empty."""
        return f"{self.prefix}:failed-with:{code}"

    @property
    def forgetting(self) -> str:
        """Zset: every job that has ended, by the time in ms after which it is forgotten. Pruned."""
        return f"{self.prefix}:forgetting"

    @property
    def archive(self) -> str:
        """Hash: what the archive has taken and refused, and what was lost for want of it. Kept."""
        return f"{self.prefix}:archive"

    @property
    def dropped(self) -> str:
        """Set: dead letters that were dropped lately, for the archive not to keep them. Expires in ten minutes."""
        return f"{self.prefix}:dropped"

    def tenant_jobs(self, tenant: str) -> str:
        """Zset: every job of a tenant, by the time in ms it was created. Pruned with the jobs."""
        return f"{self.prefix}:tenant-jobs:{tenant}"

    @property
    def tenants(self) -> str:
        """Set: every tenant that has jobs. Pruned with the jobs."""
        return f"{self.prefix}:tenants"

    def idempotency(self, tenant: str, key: str) -> str:
        """String: the job that an idempotency key belongs to. Pruned with the job, or expires by itself."""
        return f"{self.prefix}:idem:{tenant}:{key}"

    @property
    def arrivals(self) -> str:
        """String: the µs at which the newest job arrived; each has one of its own. Kept."""
        return f"{self.prefix}:arrivals"

    def conversation(self, tenant: str, conversation_id: str) -> str:
        """Zset: the jobs of a conversation that are queued or further, by their turn (1, 2, ...). Gone when empty."""
        return f"{self.prefix}:conversation:{tenant}:{conversation_id}"

    def history(self, tenant: str, conversation_id: str) -> str:
        """Hash: what was said in a conversation: its head, and its turns. Expires when it was not written for long."""
        return f"{self.prefix}:history:{tenant}:{conversation_id}"

    def conversations(self, tenant: str) -> str:
        """Zset: a tenant's conversations with a history, by the time in ms of the last turn. Expires with the last."""
        return f"{self.prefix}:conversations:{tenant}"

    def cache(self, tenant: str, digest: str) -> str:
        """String: what a tenant's jobs keep for each other, by the SHA-256 of its name. Expires as its writer says."""
        return f"{self.prefix}:cache:{tenant}:{digest}"

    def notes(self, tenant: str, topic: str) -> str:
        """Zset: what a tenant's jobs have noted of a topic, by time in µs. Pruned; expires after the last."""
        return f"{self.prefix}:notes:{tenant}:{topic}"

    def noted(self, topic: str) -> str:
        """Zset: the tenants that have notes of a topic, by the time in ms of the last. Expires with the last."""
        return f"{self.prefix}:noted:{topic}"

    def tenant(self, name: str) -> str:
        """Hash: a tenant's settings, `*` those of every tenant that has none of its own. Kept until removed."""
        return f"{self.prefix}:tenant:{name}"

    @property
    def policy(self) -> str:
        """Hash: scope (queue, tenant, kind, tenant and kind) to what dispatch must know of it. Kept until removed."""
        return f"{self.prefix}:policy"

    @property
    def pauses(self) -> str:
        """Hash: scope (as of policies, or `service` and its name) to its pause, as JSON. Kept until it ends."""
        return f"{self.prefix}:pauses"

    @property
    def flow(self) -> str:
        """Hash: the slots that jobs of each scope take that are delivered or run; how many await their begin. Kept."""
        return f"{self.prefix}:flow"

    @property
    def recount(self) -> str:
        """Hash: how far the recount of the flow under way has come, and what was put right so far. Kept."""
        return f"{self.prefix}:recount"

    @property
    def recounted(self) -> str:
        """Hash: the new count of what the flow counts, while a recount is under way. Gone when empty."""
        return f"{self.prefix}:recounted"

    @property
    def held(self) -> str:
        """Hash: place in line (queue, tenant, and kind or not) to the scope whose limit holds it. Gone when empty."""
        return f"{self.prefix}:held"

    def held_by(self, scope: str) -> str:
        """Zset: the places that the limit of a scope holds, by virtual time. Gone when empty."""
        return f"{self.prefix}:held-by:{scope}"

    @property
    def limited(self) -> str:
        """Zset: scopes whose limit holds somebody, by the time in ms at which to look again. Gone when empty."""
        return f"{self.prefix}:limited"

    def rate(self, scope: str) -> str:
        """String: the µs at which the rate of a scope lets the next job begin. Expires when that has passed."""
        return f"{self.prefix}:rate:{scope}"

    def departed(self, queue: str) -> str:
        """Zset: tenants whose line in a queue ran empty, by the virtual time they had reached. Expires in a day."""
        return f"{self.prefix}:departed:{queue}"

    def virtual_time(self, queue: str) -> str:
        """String: virtual time of the queue's last pick; a tenant that arrives starts there. Kept for its kinds."""
        return f"{self.prefix}:virtual-time:{queue}"

    @property
    def kinds(self) -> str:
        """Hash: kind to its announced contract as JSON. Workers refresh it when they start. Pruned by `kinds_seen`."""
        return f"{self.prefix}:kinds"

    @property
    def kinds_seen(self) -> str:
        """Zset: kinds, by the time in ms at which a live worker had them last. Pruned after the retention of jobs."""
        return f"{self.prefix}:kinds-seen"

    @property
    def workers(self) -> str:
        """Zset: live workers, by the time in ms until which they count as alive. Pruned at each announcement."""
        return f"{self.prefix}:workers"

    def worker(self, name: str) -> str:
        """String: what a worker announces of itself, as JSON. Expires when it is no longer renewed."""
        return f"{self.prefix}:worker:{name}"

    @property
    def slots(self) -> str:
        """Hash: queue to the slots that live workers offer for it. Gone when empty."""
        return f"{self.prefix}:slots"

    @property
    def served(self) -> str:
        """Hash: kind to how many live workers run it. Gone when empty."""
        return f"{self.prefix}:served"

    @property
    def offers(self) -> str:
        """Hash: worker to what `slots` and `served` count of it, as JSON. Pruned as it is given up."""
        return f"{self.prefix}:offers"

    @property
    def leader(self) -> str:
        """String: the worker elected for maintenance. Expires in seconds when it is no longer renewed."""
        return f"{self.prefix}:leader"

    @property
    def pulse(self) -> str:
        """Hash: when a worker last reached Redis, and until when that leaves expired leases alone, in ms. Kept."""
        return f"{self.prefix}:pulse"

    def backlog(self, tenant: str) -> str:
        """Hash: a tenant's jobs that have not ended, bytes of their requests, a count under way. Gone when empty."""
        return f"{self.prefix}:backlog:{tenant}"

    @property
    def full(self) -> str:
        """String: bytes used of Redis' memory, and from where on it takes no new jobs. Expires unless it is renewed."""
        return f"{self.prefix}:full"

    @property
    def sweep(self) -> str:
        """Hash: how far the sweep has come among the jobs that have not ended, and what it has put right. Kept."""
        return f"{self.prefix}:sweep"

    @property
    def rights(self) -> str:
        """Hash: what the rights of a user are tried on where the server cannot be asked. Gone at once."""
        return f"{self.prefix}:rights"

    @property
    def maintenance(self) -> str:
        """String: the notice of a maintenance, as JSON. Kept until it is taken back, or its time is over."""
        return f"{self.prefix}:maintenance"

    @property
    def service_limits(self) -> str:
        """Hash: scope to what may be asked of an outside service there, as JSON. Kept."""
        return f"{self.prefix}:resource-limits"

    @property
    def buckets(self) -> str:
        """Zset: what has limits and was asked for, by the time in ms of the last call. Pruned after an hour."""
        return f"{self.prefix}:buckets"

    def level(self, bucket: str) -> str:
        """Hash: up to when the requests and tokens of a bucket are given away, in ms. Expires when it is empty."""
        return f"{self.prefix}:level:{bucket}"

    def calls(self, bucket: str) -> str:
        """Zset: calls under way in a bucket that limits them, by the time in ms they began. Expires after a day."""
        return f"{self.prefix}:calls:{bucket}"

    def hold(self, bucket: str) -> str:
        """String: from when until when a service wants no calls, in ms. Expires soon after."""
        return f"{self.prefix}:hold:{bucket}"

    def reservation(self, call: str) -> str:
        """String: what a call under way has reserved, as JSON. Expires after a day if it is never settled."""
        return f"{self.prefix}:reservation:{call}"

    def parked(self, line: str) -> str:
        """Zset: parked jobs that wait for a bucket or a breaker, by when in ms they were parked. Gone when empty."""
        return f"{self.prefix}:parked:{line}"

    @property
    def parked_lines(self) -> str:
        """Hash: line in which jobs are parked to the scopes that limit it, as JSON. Gone when empty."""
        return f"{self.prefix}:parked-lines"

    def breaker(self, resource: str) -> str:
        """Hash: the state of a service's circuit breaker. Kept while open by hand, else expires."""
        return f"{self.prefix}:breaker:{resource}"

    def failures(self, resource: str) -> str:
        """Zset: calls of a service that failed, by the time in ms. Expires when the newest is too old to count."""
        return f"{self.prefix}:failures:{resource}"

    @property
    def resources(self) -> str:
        """Zset: every service that has a breaker, by the time in ms at which it is forgotten. Pruned."""
        return f"{self.prefix}:resources"

    @property
    def breakers(self) -> str:
        """Channel: the changes of state of all circuit breakers."""
        return f"{self.prefix}:breakers"

    @property
    def schedules(self) -> str:
        """Hash: schedule to its definition as JSON. Kept until they are removed."""
        return f"{self.prefix}:schedules"

    def schedule(self, name: str) -> str:
        """Hash: what has become of a schedule so far, and what is planned. Kept as long as its definition."""
        return f"{self.prefix}:schedule:{name}"

    @property
    def schedule_due(self) -> str:
        """Zset: schedules that are not paused, by the time in ms at which they are to be looked at. Gone when empty."""
        return f"{self.prefix}:schedule-due"

    def deliveries(self, queue: str) -> str:
        """List: what Celery's workers take from a queue, as messages. Gone when empty."""
        return celery_queue(self.prefix, queue)

    def progress(self, job_id: str) -> str:
        """Channel: the events of one job."""
        return f"{self.prefix}:progress:{job_id}"

    def ended(self, job_id: str) -> str:
        """Channel: the state in which one job ends, once. Who waits for that alone is no follower of its progress."""
        return f"{self.prefix}:ended:{job_id}"

    def tenant_progress(self, tenant: str) -> str:
        """Channel: the events of all of a tenant's jobs."""
        return f"{self.prefix}:progress:tenant:{tenant}"
