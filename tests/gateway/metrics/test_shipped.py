"""The rules for Prometheus and the dashboard for Grafana that ship."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway.metrics.test_metrics import DOCUMENT, documented

ROOT = Path(__file__).parents[3]
RULES_FOLDER = ROOT / "deploy" / "prometheus"
RULES: dict[str, Any] = yaml.safe_load((RULES_FOLDER / "backdesk-rules.yaml").read_text())
CASES: dict[str, Any] = yaml.safe_load((RULES_FOLDER / "backdesk-rules.test.yaml").read_text())
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "backdesk.json").read_text())
RULE_LIST: list[dict[str, Any]] = [rule for group in RULES["groups"] for rule in group["rules"]]
TARGETS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
_METRIC = re.compile(r"\b(?:backdesk|process)[_:][a-z0-9_:]+")
_PROCESS = re.compile(r"process_\w+")


def queryable() -> Iterator[str]:
    """Every name of a series that a query may use."""
    for name, type_ in documented().items():
        yield from (name + part for part in ("_bucket", "_sum", "_count")) if type_ == "histogram" else [name]
    yield from _PROCESS.findall(DOCUMENT.read_text())
    yield from (rule["record"] for rule in RULE_LIST if "record" in rule)


@pytest.mark.parametrize("query", [*TARGETS, *(rule["expr"] for rule in RULE_LIST)])
def test_a_query_names_metrics_that_there_are(query: str) -> None:
    named = _METRIC.findall(query)
    assert named
    assert set(named) <= set(queryable())


@pytest.mark.parametrize("query", [*TARGETS, *(rule["expr"] for rule in RULE_LIST)])
def test_a_query_never_sums_what_each_source_tells_alike(query: str) -> None:
    """The figures of the deployment are in a maximum, or told as they are."""
    for metric in _METRIC.findall(query):
        if metric.startswith("backdesk_") and not metric.startswith(("backdesk_gateway_", "backdesk_store_up")):
            before = query.partition(metric)[0]
            assert re.search(r"\b(?:max|min)\b[^()]*(?:\([^()]*\))?[^()]*\((?:\w+\()*$", before), query


def test_each_alert_is_documented_and_each_documented_one_is_there() -> None:
    rows = re.findall(r"^\| `(Backdesk\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert rows == [rule["alert"] for rule in RULE_LIST if "alert" in rule]


@pytest.mark.parametrize("rule", [rule for rule in RULE_LIST if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


def test_each_panel_of_the_dashboard_has_a_place_of_its_own() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(set(places)) == len(places)


def test_each_alert_has_a_case_in_which_it_fires() -> None:
    cases = [case["name"] for case in CASES["tests"]]
    assert cases == ["well", *(rule["alert"] for rule in RULE_LIST if "alert" in rule)]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool, of Debian's package prometheus")
@pytest.mark.parametrize(
    "what", [("check", "rules", "backdesk-rules.yaml"), ("test", "rules", "backdesk-rules.test.yaml")]
)
def test_promtool_takes_the_rules_and_sees_each_alert_fire(what: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *what], cwd=RULES_FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
