"""A2A 1.0: the kinds that can be talked to as skills of an agent, and jobs as its tasks (a2a-protocol.org).

The libraries are the extra `a2a`; without them the gateway serves everything else.
"""

from backdesk.gateway.dialects.a2a.routes import router as router
