"""All kinds that are here, loaded: what a deployment runs that names no task modules of its own."""

from importlib import import_module

from backdesk.kinds.contracts import folders

for _folder in folders():
    import_module(f"{_folder}.kind")
