"""Arguments of a tool held against its JSON schema, where no annotations tell what they must be."""

from __future__ import annotations

from itertools import islice
from typing import Any

#: How many faults a model is told of at once, and how much of each. Characters.
MOST_FAULTS, MOST_TOLD = 5, 300


def faults_of(schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    """Return what is wrong with arguments, a line for each of the first faults; empty when they fit.

    References within the schema are followed, and none out of it. Raises what the library does for no schema.
    """
    if not schema:
        return ""
    from jsonschema.validators import validator_for  # noqa: PLC0415 - few workers have such tools
    from referencing.jsonschema import EMPTY_REGISTRY  # noqa: PLC0415 - same

    # A registry of its own: by default the library fetches what a reference names.
    validator = validator_for(schema)(schema, registry=EMPTY_REGISTRY)
    found = islice(validator.iter_errors(arguments), MOST_FAULTS)
    return "\n".join(f"{'.'.join(map(str, each.absolute_path)) or 'all'}: {each.message[:MOST_TOLD]}" for each in found)
