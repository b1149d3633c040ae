"""The sample shop that an empty database is filled with: the same rows, dated relative to the day."""
