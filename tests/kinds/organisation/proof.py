"""The proof of `org.assistant`: a setting that an admin changes, and one that a member may not."""

from __future__ import annotations

import backdesk.kinds.organisation.kind  # noqa: F401 - registers the kind
from backdesk.kinds.organisation.contract import OrganisationRequest, OrganisationResult
from backdesk.kinds.organisation.data import open_organisation
from backdesk.platform.database import Database
from tests.support.openai_simulator import Text, call
from tests.support.proof import Proof, Talk

DONE = Text("Notifications come in French now.")
REFUSED = Text("Only an admin can do that.")


def _changed_once(result: OrganisationResult, shop: Database) -> None:
    assert (result.answer, result.role) == (DONE.text, "admin")
    assert [action.type for action in result.actions] == ["setting_change"]
    with open_organisation(shop.of("default"), "aurora", "ada") as data:
        assert [(change.previous, change.value, change.user_id) for change in data.changes(9)] == [("de", "fr", "ada")]
        assert data.settings()["language"] == "fr"


def _nothing_changed(result: OrganisationResult, shop: Database) -> None:
    assert (result.answer, result.role, result.actions) == (REFUSED.text, "member", [])
    with open_organisation(shop.of("default"), "borealis", "dmitri") as data:
        assert data.changes(9) == []


PROOF = Proof(
    "org.assistant",
    (
        Talk(
            OrganisationRequest(message="Write to us in French", organisation_id="aurora", user_id="ada"),
            (call("show_settings"), call("change_setting", setting="language", value="fr"), DONE),
            _changed_once,
        ),
        Talk(
            OrganisationRequest(message="Notify nobody of anything", organisation_id="borealis", user_id="dmitri"),
            (call("change_setting", setting="notifications", value="none"), REFUSED),
            _nothing_changed,
        ),
    ),
)
