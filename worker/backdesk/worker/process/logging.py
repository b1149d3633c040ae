"""Structured logs: constant event names with facts beside them, and the job at hand in every line.

Every logger of the process goes through it, those of libraries too, so that a line of the model client inside a job
carries that job's id, and none shows a secret.
"""

from __future__ import annotations

import io
import logging
import logging.config
import sys
from typing import Any, TextIO

import structlog

from backdesk.worker.settings import Settings
from backdesk.worker.store.connection import explained, is_outage
from backdesk.worker.text.masking import mask, masked

#: Loggers whose lines repeat what ours say about each job.
_REPEATING = ("celery.app.trace", "celery.worker.strategy")


class Bound:
    """Puts facts into every line logged within the block, in this thread and in the coroutines that it starts.

    As structlog's `bound_contextvars`, but for two generators: each live job has one of it.
    """

    __slots__ = ("_facts",)

    def __init__(self, **facts: Any) -> None:
        self._facts = facts

    def __enter__(self) -> None:
        structlog.contextvars.bind_contextvars(**self._facts)

    def __exit__(self, *_: object) -> None:
        structlog.contextvars.unbind_contextvars(*self._facts)


def shortened(record: logging.LogRecord) -> bool:
    """Log filter: what Celery says of an outage of Redis, at every turn, needs no traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.name.startswith(("celery.", "kombu.")) and is_outage(error):
        record.exc_info = None
        record.error = explained(error)
    return True


def _masked_facts(_logger: object, _level: str, facts: Any) -> Any:
    return {name: each if name == "exc_info" else _masked_fact(name, each) for name, each in facts.items()}


def _masked_fact(name: str, value: Any) -> Any:
    # What is no JSON is written as its repr, so that is what must hold no secret.
    plain = value is None or isinstance(value, str | int | float | dict | list | tuple)
    return masked({name: value if plain else repr(value)})[name]


def _write_masked(out: TextIO, exc_info: Any) -> None:
    """Write a traceback without the values of variables, which the default for terminals would show."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write(mask(text.getvalue()))


def configure_logging(settings: Settings, level: int | str | None = None) -> None:
    """Send all logs of this process to standard error, in the format of the settings."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    for_people = structlog.dev.ConsoleRenderer(exception_formatter=_write_masked)
    renderer: Any = for_people if console else structlog.processors.JSONRenderer()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.StackInfoRenderer(),
            *([] if console else [structlog.processors.format_exc_info]),
        ],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _masked_facts, renderer],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"backdesk": formatter},
            "filters": {"shortened": {"()": lambda: shortened}},
            "handlers": {
                "stderr": {"class": "logging.StreamHandler", "formatter": "backdesk", "filters": ["shortened"]}
            },
            "root": {"handlers": ["stderr"], "level": level or settings.log_level},
            "loggers": {name: {"level": "WARNING"} for name in _REPEATING},
        }
    )
