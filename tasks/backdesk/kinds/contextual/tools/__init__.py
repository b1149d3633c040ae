"""Tools that only the contextual assistant has."""
