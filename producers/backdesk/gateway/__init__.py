"""Jobs over HTTP: an API of our own, and the protocols that clients of agents speak already.

Begin with `app`. Every route and dialect does what it does with jobs through `exchange`, for a caller that `access` has
made out; what a dialect makes of a job's events it reads as a turn (`turns`).
"""
