"""No trace of a test leaves this machine."""

from __future__ import annotations

from agents import set_tracing_disabled

set_tracing_disabled(disabled=True)
