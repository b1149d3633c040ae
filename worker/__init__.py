"""The engine: keeps, runs, limits and reports any job. It knows no task, no model and no HTTP.

From the bottom up; imports point downwards, which `make check` holds:

- `errors`, `encoding`, `job`, `events`, `health`: what a job is, what it tells, how it fails; how a worker is; plain
  values.
- `settings`, `keys`, `connection`: where Redis is and what every key in it is called.
- `log`, `stack`, `loop`, `loop_guard`, `periodic`, `defences`: what a process needs besides.
- `embedded`, `embedded_keeper`, `address`: a private Redis for development and tests.
- `store`: each transition of a job as one Lua script, and the typed calls that reach it.
- `context`, `kinds`, `task`: what a task body sees, the contract of a kind, how a function becomes one.
- `admission`, `foreign`: the edge, where a request becomes a job or is refused; messages of plain Celery clients.
- `progress`, `lease`, `process`: how events travel, how a process shows that it lives, what it holds.
- `executor`: one attempt at a job.
- `consumer`, `watchdog`: how deliveries are taken, and that they are.
- `maintenance`, `presence`, `intake`, `vitals`, `probes`, `housekeeping`: the work that no job asks for.
- `app`: Celery around it all.
"""
