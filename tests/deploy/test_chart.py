"""What the chart promises, rendered by Helm's own library."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, HelmError

from backdesk.gateway.settings import load_gateway_settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "backdesk"
KUBERNETES = ("1.30", "1.37")
#: Of operators that need not be there; Kubernetes has no schema of them.
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PrometheusRule"}

Values = dict[str, Any]

MINIMAL: Values = {"redis": {"existingSecret": "redis"}, "auth": {"existingSecret": "links"}}
FULL: Values = {
    **MINIMAL,
    "image": {"repository": "registry.example.com/backdesk", "tag": "1.2.3", "pullSecrets": ["pull"]},
    "config": {"BACKDESK_MODEL": "gpt-4o-mini", "BACKDESK_LOG_LEVEL": "INFO"},
    "secrets": ["models"],
    "workers": {
        "agents": {"queue": "agents", "keda": {"enabled": True, "minReplicas": 0, "slots": 100}},
        "tools": {"queue": "tools", "hpa": {"enabled": True}},
        "mail": {"queue": "mail", "replicas": 1},
    },
    "keda": {"existingSecret": "autoscale-key"},
    "gateway": {
        "publicUrl": "https://desk.example.com",
        "hosts": ["desk.internal"],
        "hpa": {"enabled": True},
        "ingress": {"enabled": True, "className": "nginx", "host": "desk.example.com", "tlsSecret": "tls"},
    },
    "flower": {"enabled": True, "existingSecret": "flower"},
    "data": {"existingClaim": "shared"},
    "networkPolicy": {"from": [{"namespaceSelector": {}}]},
    "serviceMonitor": {"enabled": True, "existingSecret": "scrape-key"},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "grafanaDashboard": {"enabled": True},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
    "podLabels": {"team": "desk"},
    "podAnnotations": {"note": "yes: no"},
    "nodeSelector": {"disk": "ssd"},
    "affinity": {"podAntiAffinity": {}},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
}
#: What could break out of its place in YAML, or of the parts' own labels.
HOSTILE: Values = {
    "redis": {"url": 'redis://h:6379/0"\n  evil: "yes'},
    "auth": {"existingSecret": "links", "key": "a: b # c"},
    "config": {"BACKDESK_MODEL": 'x"\ny: {{ fail "rendered" }}', "BACKDESK_SAMPLES": "off"},
    "podLabels": {"app.kubernetes.io/component": "other", "team": "on"},
    "podAnnotations": {"note": "{}: &a *b |\n- 1"},
    "extraEnv": [{"name": "A", "value": "no"}],
}


def with_values(base: Values, **changes: Any) -> Values:
    """Return the values with those at `a__b` replaced."""
    values = copy.deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = values
        for key in parents:
            at = at.setdefault(key, {})
        at[last] = value
    return values


@cache
def chart() -> Chart:
    return Chart.load(CHART)


def render(values: Values) -> list[Values]:
    texts = chart().render(values, name="desk", namespace="prod").values()
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]


def named(manifests: list[Values], kind: str, name: str) -> Values:
    return next(each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)


def pods(manifests: list[Values]) -> Iterator[Values]:
    yield from (each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment")


def env_of(pod: Values) -> Values:
    return {each["name"]: each for each in pod["containers"][0]["env"]}


ALL = pytest.mark.parametrize("values", [MINIMAL, FULL, HOSTILE], ids=["minimal", "full", "hostile"])


@ALL
@pytest.mark.parametrize("version", KUBERNETES)
def test_what_is_rendered_is_what_kubernetes_knows(values: Values, version: str) -> None:
    known = [each for each in render(values) if each["kind"] not in FOREIGN]
    assert len(known) > 5
    for manifest in known:
        kubernetes_validate.validate(manifest, version, strict=True)


@ALL
def test_no_two_objects_share_a_name(values: Values) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in render(values)]
    assert len(names) == len(set(names))


@ALL
def test_no_part_is_root_writes_its_image_or_holds_a_token(values: Values) -> None:
    for pod in pods(render(values)):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        context = pod["containers"][0]["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


@ALL
def test_no_service_of_the_chart_overwrites_a_setting(values: Values) -> None:
    assert all(pod["enableServiceLinks"] is False for pod in pods(render(values)))


def test_values_arrive_as_they_were_typed() -> None:
    manifests = render(HOSTILE)
    assert named(manifests, "ConfigMap", "desk-backdesk")["data"] == HOSTILE["config"]
    worker = named(manifests, "Deployment", "desk-backdesk-worker-agents")["spec"]["template"]
    assert env_of(worker["spec"])["BACKDESK_REDIS_URL"]["value"] == HOSTILE["redis"]["url"]
    assert worker["metadata"]["annotations"]["note"] == HOSTILE["podAnnotations"]["note"]
    assert worker["metadata"]["labels"]["team"] == "on"


def test_labels_of_users_do_not_take_a_pod_out_of_its_deployment() -> None:
    for each in (each for each in render(HOSTILE) if each["kind"] == "Deployment"):
        assert each["spec"]["selector"]["matchLabels"].items() <= each["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("grace", [1, 20, 3600])
def test_kubernetes_waits_longer_than_a_worker_drains(grace: int) -> None:
    pod = named(render(with_values(MINIMAL, drainGraceSeconds=grace)), "Deployment", "desk-backdesk-worker-agents")
    spec = pod["spec"]["template"]["spec"]
    assert int(env_of(spec)["BACKDESK_DRAIN_GRACE_S"]["value"]) == grace
    assert spec["terminationGracePeriodSeconds"] >= grace + 40


def test_a_worker_is_probed_by_the_file_that_it_writes() -> None:
    spec = named(render(MINIMAL), "Deployment", "desk-backdesk-worker-tools")["spec"]["template"]["spec"]
    command = spec["containers"][0]["livenessProbe"]["exec"]["command"]
    assert command == ["backdesk", "health", "--file", env_of(spec)["BACKDESK_HEALTH_FILE"]["value"]]


def test_the_settings_of_the_gateway_are_such_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = named(render(FULL), "Deployment", "desk-backdesk-gateway")["spec"]["template"]["spec"]
    for name, each in env_of(spec).items():
        if name.startswith("BACKDESK_GATEWAY_"):
            monkeypatch.setenv(name, each.get("value", "x" * 32).replace("$(POD_IP)", "10.1.2.3"))
    settings = load_gateway_settings()
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)  # noqa: S104 - a pod answers on its own address
    assert {"10.1.2.3", "desk.example.com", "desk.internal", "desk-backdesk-gateway.prod.svc"} <= set(settings.hosts)


def test_a_queue_is_scaled_by_the_slots_that_it_could_use() -> None:
    manifests = render(FULL)
    scaled = named(manifests, "ScaledObject", "desk-backdesk-worker-agents")["spec"]
    trigger = scaled["triggers"][0]
    assert trigger["type"] == "metrics-api"
    assert trigger["metadata"]["url"] == "http://desk-backdesk-gateway.prod.svc:8000/v1/autoscale/agents"
    assert trigger["metadata"]["valueLocation"] == "wanted_slots"
    key = named(manifests, "TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]["secretTargetRef"]
    assert key == [{"parameter": "token", "name": "autoscale-key", "key": "token"}]


def test_what_is_scaled_has_no_number_of_replicas_of_its_own() -> None:
    manifests = render(FULL)
    for part in ("worker-agents", "worker-tools", "gateway"):
        assert "replicas" not in named(manifests, "Deployment", f"desk-backdesk-{part}")["spec"]
    assert named(manifests, "Deployment", "desk-backdesk-worker-mail")["spec"]["replicas"] == 1


def test_the_ingress_buffers_no_streams_unless_told_so() -> None:
    nginx = "nginx.ingress.kubernetes.io/"
    annotations = named(render(FULL), "Ingress", "desk-backdesk-gateway")["metadata"]["annotations"]
    assert annotations[nginx + "proxy-buffering"] == "off"
    assert annotations[nginx + "proxy-read-timeout"] == "3600"
    told = with_values(FULL, gateway__ingress__annotations={nginx + "proxy-read-timeout": "60"})
    annotations = named(render(told), "Ingress", "desk-backdesk-gateway")["metadata"]["annotations"]
    assert annotations[nginx + "proxy-read-timeout"] == "60"


def test_nobody_reaches_a_worker() -> None:
    policy = named(render(MINIMAL), "NetworkPolicy", "desk-backdesk")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert "ingress" not in policy


def test_rules_and_dashboard_are_those_that_are_shipped() -> None:
    manifests = render(FULL)
    rules = (ROOT / "deploy/prometheus/backdesk-rules.yaml").read_text()
    assert named(manifests, "PrometheusRule", "desk-backdesk")["spec"] == yaml.safe_load(rules)
    shown = named(manifests, "ConfigMap", "desk-backdesk-dashboard")["data"]["backdesk.json"]
    assert yaml.safe_load(shown) == yaml.safe_load((ROOT / "deploy/grafana/backdesk.json").read_text())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"redis": {}}, "redis.existingSecret"),
        ({"redis__url": "redis://h"}, "exclude each other"),
        ({"redis": {"url": "http://h"}}, "redis/url"),
        ({"auth": {}}, "auth.existingSecret"),
        ({"gatway": {}}, "gatway"),
        ({"gateway__replica": 2}, "replica"),
        ({"gateway__replicas": "2"}, "gateway/replicas"),
        ({"gateway__replicas": 0}, "gateway/replicas"),
        ({"gateway__ingress__enabled": True}, "gateway.ingress.host"),
        ({"workers__agents": {"queue": "a b"}}, "workers/agents/queue"),
        ({"workers__Agents": {"queue": "agents"}}, "propertyName 'Agents'"),
        ({"workers__mail": {}}, "queue"),
        ({"config": {"BACKDESK_SAMPLES": True}}, "config/BACKDESK_SAMPLES"),
        ({"workerDefaults__keda__enabled": True}, "keda.existingSecret"),
        ({"workerDefaults__keda__enabled": True, "workerDefaults__hpa__enabled": True}, "exclude each other"),
        ({"workerDefaults__keda__enabled": True, "gateway__enabled": False}, "gateway.enabled"),
        ({"flower__enabled": True}, "flower.existingSecret"),
        ({"serviceMonitor__enabled": True}, "serviceMonitor.existingSecret"),
    ],
)
def test_values_that_cannot_work_are_refused_with_their_name(changes: Values, reason: str) -> None:
    with pytest.raises(HelmError, match=reason):
        render(with_values(MINIMAL, **changes))
