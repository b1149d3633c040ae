"""The model: what jobs, kinds, tenants, schedules and outside services are. Plain values, no Redis, no threads.

Imports `text`, `failure` and `errors`. Begin with `job`, then `events` and `contract`.
"""
