"""Pages of the web for agents: found by a provider of search, fetched within a guard, and read in a process of its own.

Begin with `tools`. `reading` makes Markdown of a page, `search` says what a provider is, `json_search` asks one over
HTTP, and `folder` searches documents on disk, for where there is none.
"""
