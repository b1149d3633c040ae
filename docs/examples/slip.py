"""Ask for a structured answer: `output` is a Slip, for a type checker too."""

from returns import write_slip

from backdesk.agents import AgentRequest
from backdesk.client import JobClient

with JobClient() as client:
    result = client.submit(write_slip, AgentRequest(message="10003 hums, it goes back")).result(timeout=60)
    if result.output is not None:  # None where a fallback has answered, by a text
        print(result.output.order, result.output.reason)
