"""What all that run scripts of Alembic have in common. Alembic is loaded by this module."""

from __future__ import annotations

import threading
from io import StringIO
from pathlib import Path

from alembic.config import Config
from sqlalchemy import Connection

#: Alembic keeps in globals of its modules what it works on.
one_at_a_time = threading.Lock()


def config_of(folder: Path, connection: Connection | None, dialect: str = "", output: StringIO | None = None) -> Config:
    """Return how Alembic is to run the scripts of a folder: on a connection, or as SQL of a dialect into `output`.

    The folder's `env` reads connection and dialect from the attributes.
    """
    config = Config(output_buffer=output) if output else Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes.update(connection=connection, dialect=dialect)
    return config
