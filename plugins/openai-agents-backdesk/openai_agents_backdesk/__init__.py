"""Agents of the OpenAI Agents SDK as durable jobs of backdesk.

`run(ctx, agent, input)` is `Runner.run` within a job: each request to a model and each call of a function tool is a
step in the job's ledger, so that an attempt after a crash goes on where the last one stopped, and what needs approval
waits for people without a slot. `agent_job` makes a kind of job of an agent.
"""

from backdesk.agents import JobUsage
from openai_agents_backdesk.kind import AgentJobRequest, AgentJobResult, agent_job
from openai_agents_backdesk.runner import run
from openai_agents_backdesk.session import ConversationSession
from openai_agents_backdesk.tools import StepUnreadable

__all__ = [
    "AgentJobRequest",
    "AgentJobResult",
    "ConversationSession",
    "JobUsage",
    "StepUnreadable",
    "agent_job",
    "run",
]
