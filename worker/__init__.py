"""The engine: keeps, runs, limits and reports any job. It knows no task, no model and no HTTP.

From the bottom up; imports point downwards, which `make check` holds:

- `masking`: what watchers and logs must not read.
- `encoding`, `failure`, `errors`, `http_status`, `retry`: what can go wrong, and when it is worth another attempt.
- `ask`, `budget`, `measure`, `sketch`, `job`, `events`, `health`: what a job is, waits for, may spend, measures and
  tells; numbers of many jobs together; how a worker is; plain values. `conversation`, `note`: what was said before it,
  and what it leaves behind.
- `guard`: suspicious text in requests.
- `resource`, `system`: outside services, and what may be asked of them; the state of all of a deployment; plain values.
- `recurrence`, `schedule`: when something recurs, and a job that is asked for again and again.
- `pipeline`: work that threads and event loops drive alike.
- `settings`, `keys`, `connection`: where Redis is and what every key in it is called.
- `log`, `stack`, `loop`, `loop_guard`, `interrupt`, `periodic`, `defences`: what a process needs besides.
- `prefork`, `shutdown`, `drain`: how a worker ends, and hands over its jobs.
- `embedded`, `embedded_keeper`, `address`: a private Redis for development and tests.
- `store`: each transition of a job as one Lua script, and the typed calls that reach it.
- `ledger`, `child`, `reservation`, `purse`: what an attempt remembers; a job, or an outside service, that another one
  calls; what an attempt may spend. `archive`, `keeping`: what outlives its
  job.
- `context`, `kinds`, `classification`, `task`: what a task body sees, the contract of a kind, what an error means, how
  a function becomes a kind.
- `admission`, `reply`, `family`, `foreign`, `firing`: the edge, where a request becomes a job or is refused; what
  waiting jobs are told; child jobs; messages of plain Celery clients; jobs of schedules.
- `progress`, `lease`, `process`: how events travel, how a process shows that it lives, what it holds.
- `verdict`, `executor`: how an attempt has ended, and one attempt at a job.
- `preparation`: what kinds load before their first job.
- `consumer`, `returns`, `watchdog`: how deliveries are taken, given back, and that they are taken.
- `maintenance`, `presence`, `intake`, `timetable`, `metrics`, `vitals`, `probes`, `housekeeping`: the work that no
  job asks for.
- `app`: Celery around it all.
- `testing`: the same without Celery, inside a test.
"""
