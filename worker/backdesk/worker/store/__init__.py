"""The job store: the truth about every job, and one Lua script a transition.

`builder`, `transitions`, `reservations`, `schedules`, `spending` and `system` build the calls, `script` makes them,
`records` reads what they wrote, `writer` joins the calls of a whole process into round trips.
"""
