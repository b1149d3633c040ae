"""Tools on servers of MCP, as agents of cards call them: through the ledger, from a list of what is allowed.

`card` says which server and which of its tools; `tools` are these within one job; `connection` holds the line to one
server, `elicitation` puts what it asks before people. These two alone import the library, which is loaded when an agent
has such tools.
"""
