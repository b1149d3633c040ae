"""`batch.run`: a declared operation over many items."""
