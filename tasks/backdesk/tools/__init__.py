"""What an agent can do: one tool per module, each a function on the desk, tried without any model.

The docstring of a tool and the descriptions of its arguments are what the model reads about it.
"""
