"""The clients: submit jobs, follow them, steer them."""
