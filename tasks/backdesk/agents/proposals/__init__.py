"""Two turns for what a customer must agree to: proposed and shown in one message, carried out after a yes in the next.

Begin with `terms` (what a tool asks agreement to) and `records` (what is kept of a proposal). `assent` and `verdict`
say what a message means for one, `showing` whether an answer shows it. `agents.hearing` decides, `agents.journal` holds
the calls back.
"""
