"""`evals.conversation`: a golden conversation with a kind, held against what it must come to."""
