"""The code tool: Python that an agent writes, run in isolation by a job of its own (`code.run`)."""
