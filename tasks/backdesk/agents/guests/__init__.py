"""Agents that are made by other libraries, as jobs: what packages need that bring such agents here.

`model` holds their requests to the limits and budgets of the job, `job` is the attempt as their agents see it, and
`kind` makes a kind of job of one.
"""
