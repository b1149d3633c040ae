"""`assistant.streaming`: an analyst whose answers come as a stream, and reports in stages."""
