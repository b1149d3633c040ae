"""What `backdesk new task` begins with: kinds that work, and their tests. Read as text, and never imported by it.

In each, `example.kind`, `example_kind` and `ExampleKind` stand for the name that is asked for. They import what a
user's own kind imports: the front doors of the engine, the agents and the bench. Begin with `plain`.
"""
