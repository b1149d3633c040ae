"""The client of a command, and what the command says when Redis cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backdesk.cli.errors import CommandFailed, ExitCode
from backdesk.client import JobClient, StoreUnavailable
from backdesk.client.deployment import Deployment, find_deployment


@contextmanager
def connected(deployment: Deployment | None = None) -> Iterator[JobClient]:
    """Yield a client of the deployment; whatever cannot reach Redis inside fails with a sentence that helps."""
    deployment = deployment or find_deployment()
    try:
        with JobClient(settings=deployment.settings) as client:
            yield client
    except StoreUnavailable as error:
        raise unreachable(deployment, error) from None


def unreachable(deployment: Deployment, error: StoreUnavailable) -> CommandFailed:
    """Return the failure that names the address and says what to do."""
    return CommandFailed("no_connection", deployment.trouble(error), ExitCode.NO_CONNECTION)
