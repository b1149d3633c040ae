"""The agents: triage and specialists as cards, the runner that lets them work, the seam to the library."""
