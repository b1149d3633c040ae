"""What this deployment can do: contracts, task bodies, agents and their tools."""
