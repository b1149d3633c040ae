"""The job store: the truth about every job, and one Lua script a transition.

`jobs`, `attempts`, `upkeep`, `services`, `schedules`, `spending` and `deployment` build the calls of scripts, `scripts`
makes them, `records` reads what they wrote, `writer` joins the calls of a whole process into round trips. In `lua` each
file is one script; what several of them include is in `lua/shared`.

Imports `model`, `text` and below. Begin with `keys`, then `jobs` and `lua/submit.lua`.
"""
