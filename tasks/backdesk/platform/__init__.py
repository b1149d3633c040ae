"""What all tasks of a deployment stand on: its settings, its business database, its business hours.

Begin with `settings` and `deployment`, which makes from them what the bodies of a process share; `database` holds the
tables that other rooms declare (`tables`), brought up to date by `migrations` and filled by the `samples` that they
offer. It may import the engine, and knows no agent and no business.
"""
