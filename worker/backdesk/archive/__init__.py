"""The archive of ended jobs in an SQL database, as `backdesk.worker.store.archive` asks for it.

Nothing imports it: who has BACKDESK_ARCHIVE_URL loads it by its name, so that everybody else needs no library of
databases. Begin with `database`.
"""
