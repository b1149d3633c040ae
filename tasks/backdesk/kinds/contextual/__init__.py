"""`assistant.contextual`: an assistant that is told whom it serves and how things are."""
