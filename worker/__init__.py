"""The engine: keeps, runs, limits and reports any job. It knows no task, no model and no HTTP.

From the bottom up:

- `job`, `events`, `errors`: what a job is, what it tells, how it fails; plain values.
- `settings`, `keys`, `connection`: where Redis is and what every key in it is called.
- `store`: each transition of a job as one Lua script, and the typed calls that reach it.
- `kinds`: the contract of a kind of job, announced so that producers can check requests at the edge.
- `context`, `progress`: what a task body sees and how its events travel.
- `task`, `executor`: how a function becomes a kind of job, and one attempt at it.
- `process`, `lease`, `loop`: what a worker process holds while it lives.
- `app`, `consumer`, `defences`: Celery, and what it needs on Redis.
- `maintenance`, `presence`, `intake`: the work that no job asks for.
- `embedded`: a private Redis for development and tests.
"""
