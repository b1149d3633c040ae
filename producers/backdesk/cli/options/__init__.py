"""How options are read from the command line."""
