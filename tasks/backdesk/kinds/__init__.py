"""The kinds of this deployment, one folder each: whoever deletes the folder deletes the kind.

A folder holds all that only its kind has: the body (`kind`), what is asked and answered (`contract`, with `KIND`), the
offline rules, prompts, tools, tables and samples. It may import every room below (`service`, `shop`, `tools`, `agents`,
`quality`, `platform`, the engine) and no other kind. Nobody imports a folder: `contracts` finds the contracts, for
producers, and `samples` loads the bodies, for workers that name no kinds of their own. What only a job needs, `kind`
loads with the first one: each worker knows all kinds, and runs few. Begin with `support/kind.py`.
"""
