"""The service desk: tickets, escalations with a promised time, and the knowledge base.

Begin with `tickets`, `escalations` and `knowledge`, which are tools for any kind; `apology` is what a kind answers when
its agents could not. It may import the shop, the agents, the quality gate, the platform and the engine, and no kind.
"""
