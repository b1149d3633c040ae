"""The business database by hand: what it is at, bring it up to date, write a script for changed tables.

Workers upgrade it by themselves at their first use; before a deployment one may want to see it, and do it first.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from importlib import import_module

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from backdesk.platform.database import Database
from backdesk.platform.migrations import HEAD, REVISIONS
from backdesk.platform.settings import load_settings
from backdesk.worker.errors import ConfigurationError
from backdesk.worker.settings import load_settings as load_engine_settings


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 when an upgrade is due, 2 when it failed."""
    parser = argparse.ArgumentParser(
        "python -m backdesk.platform.migrations", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(required=True, metavar="status|upgrade|new")
    commands.add_parser("status", help="tell the revision; exit code 1 when an upgrade is due").set_defaults(
        run=_status
    )
    commands.add_parser("upgrade", help="bring the database to the newest revision").set_defaults(run=_upgrade)
    new = commands.add_parser("new", help="for developers: write a script for the tables that were changed")
    new.add_argument("what", help="what changes, in a few words; becomes the name of the file")
    new.set_defaults(run=_new)
    chosen = parser.parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except (ConfigurationError, SQLAlchemyError) as error:
        print(error, file=sys.stderr)
        return 2
    return code


def _status(_chosen: argparse.Namespace) -> int:
    url = load_settings().database
    with closing(Database(url)) as database:
        revision = database.revision()
    due = REVISIONS[REVISIONS.index(revision) + 1 :] if revision else REVISIONS
    print(f"{make_url(url).render_as_string(hide_password=True)} is {f'at {revision}' if revision else 'empty'}")
    print(f"to run: {', '.join(due)}" if due else "nothing to do")
    return 1 if due else 0


def _upgrade(_chosen: argparse.Namespace) -> int:
    with closing(Database(load_settings().database)) as database:
        before = database.revision()
        database.prepare()
    print(f"at {HEAD} already" if before == HEAD else f"upgraded from {before or 'nothing'} to {HEAD}")
    return 0


def _new(chosen: argparse.Namespace) -> int:
    from backdesk.platform.migrations.runner import new_script, upgrade  # noqa: PLC0415 - so that few load Alembic

    for module in load_engine_settings().task_modules:  # they bring the tables
        import_module(module)
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection, None)
        path = new_script(connection, chosen.what)
    engine.dispose()
    print(f"written: {path}; edit it, and add its revision to backdesk.platform.migrations.__init__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
