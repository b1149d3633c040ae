"""One piece of work done over many items: bounded, in order, each item's error beside the results of the others.

Begin with `running`, the helper for bodies. `operation` declares work that agents and `batch.run` may be asked for,
`tool` gives it to an agent; `hands`, `window` and `results` are the means.
"""
