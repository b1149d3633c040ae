"""What the library itself tells of agents by OpenTelemetry: runs, requests to models, calls of tools."""

from __future__ import annotations

from typing import Final

from pydantic_ai import Agent
from pydantic_ai.models.instrumented import InstrumentationSettings

from backdesk.worker.telemetry.tracing import tracing

#: Of the library's own spans and attributes; another one renames them.
VERSION: Final = 5


def instrument() -> None:
    """Have every agent of this process tell, if jobs are told of here. What is said is told only where that is wanted.

    It is not masked. Whoever has instrumented the library already is not overruled. Idempotent.
    """
    tracer = tracing()
    if tracer is not None and not Agent._instrument_default:  # noqa: SLF001 - nothing else says whether it was set
        settings = InstrumentationSettings(
            include_content=tracer.content,
            include_binary_content=tracer.content,
            include_model_request_parameters=tracer.content,
            version=VERSION,
        )
        Agent.instrument_all(settings)
