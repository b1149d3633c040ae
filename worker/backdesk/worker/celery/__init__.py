"""Celery's side: how deliveries are taken and handed back, and what Celery is defended from.

Imports `attempt` and below. Begin with `consumer`.
"""
