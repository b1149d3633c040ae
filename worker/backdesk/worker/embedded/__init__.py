"""The private Redis server of demos, tests and one-machine set-ups: started, kept, and found again.

Imports `errors`. Begin with `server`.
"""
