"""`code.run`: Python that somebody else wrote, run in isolation."""
