"""Who asks: the job client, and the command line on top of it."""
