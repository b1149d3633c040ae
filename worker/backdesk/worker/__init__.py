"""The engine: keeps, runs, limits and reports any job. It knows no task, no model and no HTTP.

The names that authors of kinds need are in `__init__.pyi`, and are loaded when they are first used. Behind them are
rooms; each imports only those below it, which `make check` holds:

- `app`: the Celery application, `celery -A backdesk.worker.app worker`
- `services`: what a worker does besides running jobs
- `celery`: how deliveries are taken and handed back
- `attempt`: one attempt at a job, and all that a body sees
- `process`: what a worker process holds: writer, leases, event loop
- `submit`: from a wish to a job that can be written
- `memory`: what outlives a job: conversations, journals, caches
- `store`: each transition of a job as one Lua script, and the typed calls that reach it
- `embedded`: a private Redis server
- `settings`
- `model`: jobs, kinds, events, schedules, limits as plain values
- `pipeline`, `errors`, `failure`
- `text`: JSON, and what must not be read
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
