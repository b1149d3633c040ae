"""Tools that only the voice agent has."""
