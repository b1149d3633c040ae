"""The warehouse: where extractions are kept, and their SQL is run. Begin with `protocol`."""
