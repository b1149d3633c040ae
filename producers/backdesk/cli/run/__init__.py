"""What starts processes: `up`, `demo`, `worker` and `flower`, and the supervisor beneath them."""
