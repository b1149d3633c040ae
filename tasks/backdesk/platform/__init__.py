"""What all tasks of a deployment stand on: its settings, its business database, its business hours.

Knows no agent and no business.
"""
