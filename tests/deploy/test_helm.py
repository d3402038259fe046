"""The Helm chart: its rendered objects are valid, and keep what the documentation promises."""

import json
import runpy
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator

from tests.live import ROOT

HELM = ROOT / "deploy" / "helm"
RENDERED = (HELM / "rendered.yaml").read_text()
OBJECTS: list[dict[str, Any]] = [one for one in yaml.safe_load_all(RENDERED) if one]


def only(kind: str, name: str = "") -> dict[str, Any]:
    (found,) = (one for one in OBJECTS if one["kind"] == kind and one["metadata"]["name"].endswith(name))
    return found


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in OBJECTS if one["kind"] in ("Deployment", "Job")]


def containers() -> list[dict[str, Any]]:
    return [one for pod in pods() for one in (*pod["containers"], *pod.get("initContainers", []))]


def test_it_is_rendered_from_the_chart_as_it_is() -> None:
    fresh = runpy.run_path(str(HELM / "render"))["chart_hash"]()
    assert RENDERED.startswith(f"# chart: {fresh} "), "run deploy/helm/render"


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_would_take_it(manifest: dict[str, Any]) -> None:
    for version in ("1.30", "1.35"):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_values_are_as_their_schema_says() -> None:
    schema = json.loads((HELM / "aura" / "values.schema.json").read_text())
    Draft7Validator.check_schema(schema)
    values = yaml.safe_load((HELM / "aura" / "values.yaml").read_text())
    Draft7Validator(schema).validate(values)
    with pytest.raises(Exception, match="does not match"):
        Draft7Validator(schema).validate({**values, "host": "a b"})
    assert set(values) == set(schema["properties"])


def test_no_container_may_more_than_it_needs() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
    for container in containers():
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


def test_the_server_is_probed_drained_and_protected() -> None:
    deployment = only("Deployment", "-server")
    pod = deployment["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(server)
    assert server["readinessProbe"]["httpGet"]["path"] == "/health/ready?without=worker"
    # The drain takes ten seconds, and begins after preStop.
    wait = int(server["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= wait + 20
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (
        only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only("Service")["spec"]["selector"],
        only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    metrics = only("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert metrics[0]["pods"]["metric"]["name"] == "aura_connections"
    assert only("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_data_is_upgraded_as_by_compose_and_by_no_bare_migration() -> None:
    (upgrading,) = only("Job", "-1")["spec"]["template"]["spec"]["containers"]
    compose = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yml").read_text())
    assert (
        upgrading["args"][:3] == compose["services"]["migrate"]["command"] == ["manage", "upgrade", "--without-backup"]
    )


def test_secrets_come_from_a_secret_alone_and_settings_are_known() -> None:
    assert not [one for one in OBJECTS if one["kind"] == "Secret"]
    known = (ROOT / "docs" / "reference" / "settings.md").read_text()
    given = only("ConfigMap")["data"]
    assert {name for name in given if f"`{name}`" not in known} == set()
    assert not {name for name in given if "KEY" in name or "TOKEN" in name or "PASSWORD" in name}
    for container in containers():
        assert [list(one) for one in container["envFrom"]] == [["configMapRef"], ["secretRef"]]


def test_only_the_proxy_and_the_monitoring_may_connect() -> None:
    (rule,) = only("NetworkPolicy")["spec"]["ingress"]
    assert len(rule["from"]) == 2
    assert rule["ports"] == [{"protocol": "TCP", "port": 8000}]
    assert only("Deployment", "-worker")["spec"]["replicas"] == 1
