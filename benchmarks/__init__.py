"""Measurements of backdesk beside plain Celery and arq: `python -m benchmarks --help`."""
