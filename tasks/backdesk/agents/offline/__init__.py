"""The offline model: rules that stand in for a model where none is configured, one module a team.

Rules only decide, as a model does: which tool to call, whom to hand over to, what to say. The tools, the agents and the
stream around them are the real ones, and what is said about an order is what the tools returned. Rules are
deterministic, understand simple English, and mark every answer as their own.
"""
