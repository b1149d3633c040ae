"""Agents of Pydantic AI as durable jobs of backdesk.

`BackdeskDurability` makes each request to a model and each call of a tool a step in the ledger of the job at hand, so
that an attempt after a crash goes on where the last one stopped. `agent_job` makes a kind of job of an agent; within a
body of one's own, `durable(ctx)` encloses its runs. `AskPeople` has people approve calls while the job waits without a
slot.
"""

from backdesk.agents import JobUsage
from pydantic_ai_backdesk.durability import BackdeskDurability
from pydantic_ai_backdesk.job import durable
from pydantic_ai_backdesk.kind import AgentJobRequest, AgentJobResult, agent_job
from pydantic_ai_backdesk.people import AskPeople
from pydantic_ai_backdesk.steps import StepUnreadable
from pydantic_ai_backdesk.waiting import resolve_token

__all__ = [
    "AgentJobRequest",
    "AgentJobResult",
    "AskPeople",
    "BackdeskDurability",
    "JobUsage",
    "StepUnreadable",
    "agent_job",
    "durable",
    "resolve_token",
]
