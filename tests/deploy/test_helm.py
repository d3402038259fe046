"""The Helm chart: Helm takes it with whatever values it may have, Kubernetes takes its objects, and they keep what the
documentation promises."""

import json
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy import helm
from tests.deploy.helm import Chart, Refused
from tests.live import ROOT

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
VALUES: dict[str, Any] = yaml.safe_load((helm.FOLDER / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((helm.FOLDER / "values.schema.json").read_text())
# The oldest Kubernetes that Chart.yaml names, and the newest whose schemas there are.
KUBERNETES = ("1.27", kubernetes_validate.latest_version())
# No kind of Kubernetes itself, but of the Prometheus operator.
FOREIGN = "ServiceMonitor"
TIMEOUT = "nginx.ingress.kubernetes.io/proxy-read-timeout"
SETS: dict[str, dict[str, Any]] = {
    "usual": {},
    "all": {
        "imagePullSecrets": [{"name": "registry"}],
        "existingSecret": "1e3",
        "settings": {"AURA_TRUSTED_ORIGINS": "https://a.example", "AURA_ALLOWED_HOSTS": "a.example"},
        "autoscaling": {"connectionsPerPod": 4_000_000, "lag": 0.25},
        "disruptionBudget": {"maxUnavailable": "50%"},
        "data": {"storageClassName": "on", "size": "1.5Ti"},
        "ingress": {"annotations": {TIMEOUT: 300, "example.org/more": True}},
        "networkPolicy": {"ingressNamespace": "1234", "egress": []},
        "serviceMonitor": {"enabled": True},
    },
    "least": {
        "server": {"replicas": 1, "topologySpread": False, "preStopSeconds": 0, "terminationGraceSeconds": 20},
        "autoscaling": {"enabled": False},
        "data": {"enabled": False},
        "ingress": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "bare": {
        "settings": {},
        "autoscaling": {"connectionsPerPod": 0, "lag": ""},
        "data": {"existingClaim": "0123"},
        "ingress": {"className": "", "tlsSecret": ""},
        "networkPolicy": {"monitoringNamespace": ""},
    },
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def program() -> None:
    if not helm.program():
        pytest.skip(helm.NO_HELM)


@cache
def chart(name: str = "usual", release: str = "aura") -> Chart:
    return Chart(SETS[name], release)


def valid(manifest: dict[str, Any]) -> None:
    if manifest["kind"] != FOREIGN:
        for version in KUBERNETES:
            kubernetes_validate.validate(manifest, version, strict=True)


def places(values: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the way to every value that has a schema."""
    for name, value in values.items():
        yield (name,)
        if inner := schema["properties"][name].get("properties"):
            assert set(inner) == set(value), name
            yield from ((name, *further) for further in places(value, schema["properties"][name]))


def at(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(place):
        value = {name: value}
    return dict(value)


PLACES = list(places(VALUES, SCHEMA))


@pytest.mark.parametrize("name", SETS)
def test_helm_has_nothing_against_the_chart(name: str) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(helm.FOLDER), values=SETS[name])


# What YAML reads as something else than a name, and the longest that Helm takes.
@pytest.mark.parametrize("release", ["aura", "true", "123", "n" * 53])
@pytest.mark.parametrize("name", SETS)
def test_kubernetes_would_take_every_object(name: str, release: str) -> None:
    made = chart(name, release)
    for manifest in made.objects:
        valid(manifest)
    for pod in made.pods():
        assert {str(label) for label in pod["metadata"]["labels"].values()} == set(pod["metadata"]["labels"].values())
    assert len({(one["kind"], one["metadata"]["name"]) for one in made.objects}) == len(made.objects)
    # A name is a label too, of 63 letters at most; a thousand upgrades on, the job's has three more.
    assert max(len(one["metadata"]["name"]) for one in made.objects) <= 63
    assert len(made.only("Job")["metadata"]["name"]) <= 60


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(Refused, match="chart requires kubeVersion"):
        helm.run("template", "aura", str(helm.FOLDER), "--kube-version", "1.26.0")


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_value_taken_away_is_asked_for_by_its_name_or_not_needed(place: tuple[str, ...]) -> None:
    try:
        made = Chart(at(place, None))
    except Refused as refusal:
        assert f"{place[-1]} is required" in str(refusal)
    else:
        for manifest in made.objects:
            valid(manifest)


GROUPS = [place for place in [(), *PLACES] if place in ((), *(one[:-1] for one in PLACES))]


@pytest.mark.parametrize("place", GROUPS, ids=".".join)
def test_a_value_that_there_is_not_is_refused_by_its_name(place: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="Additional property mistyped is not allowed"):
        Chart(at((*place, "mistyped"), 1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"host": "a b"}, r"host: Does not match pattern"),
        ({"host": "https://chat.example.org"}, r"host: Does not match pattern"),
        ({"existingSecret": ""}, r"existingSecret: Does not match pattern"),
        ({"image": {"tag": 1.2}}, r"image\.tag: Invalid type"),
        ({"image": {"pullPolicy": "Sometimes"}}, r"image\.pullPolicy must be one of"),
        ({"imagePullSecrets": ["registry"]}, r"imagePullSecrets\.0: Invalid type"),
        ({"settings": {"AURA_RETRIES": 5}}, r"settings\.AURA_RETRIES: Invalid type"),
        ({"settings": {"aura-retries": "5"}}, r'Property name of "aura-retries" does not match'),
        ({"server": {"replicas": 0}}, r"server\.replicas: Must be greater than or equal to 1"),
        ({"server": {"resources": {"limit": {}}}}, r"Additional property limit is not allowed"),
        ({"server": {"terminationGraceSeconds": 24}}, r"terminationGraceSeconds: less than 25 \(preStopSeconds and the"),
        ({"server": {"preStopSeconds": 26}}, r"terminationGraceSeconds: less than 46"),
        ({"autoscaling": {"cpuPercent": 101}}, r"autoscaling\.cpuPercent: Must be less than or equal to 100"),
        ({"autoscaling": {"maxReplicas": 1}}, r"autoscaling\.minReplicas is more than autoscaling\.maxReplicas"),
        ({"autoscaling": {"enabled": "yes"}}, r"autoscaling\.enabled: Invalid type"),
        ({"autoscaling": {"lag": "100ms"}}, r"autoscaling\.lag: Does not match pattern"),
        # Thought to be milliseconds.
        ({"autoscaling": {"lag": "100"}}, r"autoscaling\.lag: Does not match pattern"),
        ({"autoscaling": {"lag": 100}}, r"autoscaling\.lag: Must be less than 10"),
        ({"autoscaling": {"lag": -0.1}}, r"autoscaling\.lag: Must be greater than or equal to 0"),
        ({"autoscaling": {"lag": True}}, r"autoscaling\.lag: Invalid type"),
        ({"disruptionBudget": {"maxUnavailable": "half"}}, r"disruptionBudget\.maxUnavailable: Does not match pattern"),
        ({"data": {"size": "20 GB"}}, r"data\.size: Does not match pattern"),
        ({"networkPolicy": {"ingressNamespace": ""}}, r"networkPolicy\.ingressNamespace: Does not match pattern"),
    ],
    ids=lambda one: json.dumps(one) if isinstance(one, dict) else "",
)  # fmt: skip
def test_a_bad_value_is_refused_and_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        Chart(values)


@pytest.mark.parametrize(
    "secret",
    [
        {name: "x" * 50}
        for name in ("AURA_SECRET_KEY", "AURA_RECORD_KEY", "AURA_SIGNING_KEY", "AURA_OPERATOR_TOKEN", "AURA_ENDPOINT_KEYS",
                     "OPENROUTER_API_KEY", "OPENAI_API_KEY", "AURA_VOICE_ENDPOINT_KEY")
    ]
    + [
        {"DATABASE_URL": "postgres://aura:secret@host/aura"},
        {"REDIS_URL": "redis://:secret@host:6379/0"},
        {"AURA_BROKERS": '{"bus": "nats://a:9", "work": "rabbitmq://aura:secret@rabbit:5552/?create=true"}'},
    ],
    ids=lambda one: next(iter(one)),
)  # fmt: skip
def test_a_secret_among_the_settings_is_refused(secret: dict[str, str]) -> None:
    (name,) = secret
    with pytest.raises(
        Refused, match=f"settings.{name} is a secret, and a ConfigMap is none: give it in the Secret mine"
    ):
        Chart({"settings": secret, "existingSecret": "mine"})


def test_what_looks_like_a_secret_and_is_none_is_taken() -> None:
    settings = {
        "AURA_MAX_TOKENS": "9",
        "OPENAI_BASE_URL": "https://a:8000/v1",
        "AURA_BROKERS": '{"bus": "nats://a:4222"}',
    }
    assert Chart({"settings": settings}).only("ConfigMap")["data"].items() >= settings.items()


@pytest.mark.parametrize("name", SETS)
def test_no_container_may_more_than_it_needs(name: str) -> None:
    for pod in chart(name).pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
    for container in chart(name).containers():
        context = container["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", SETS)
def test_the_server_is_probed_drained_and_protected(name: str) -> None:
    deployment = chart(name).only("Deployment", "-server")
    pod = deployment["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(server)
    assert server["readinessProbe"]["httpGet"]["path"] == "/health/ready?without=worker,disk"
    # The drain takes ten seconds, and begins after preStop.
    wait = int(server["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] >= wait + 20
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        chart(name).only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        chart(name).only("Service")["spec"]["selector"],
        *(one["labelSelector"]["matchLabels"] for one in pod.get("topologySpreadConstraints", [])),
    ):
        assert selector.items() <= labels.items()
        # Not the worker's nor the job's.
        assert selector["app.kubernetes.io/component"] == "server"


def test_what_is_switched_off_is_not_there() -> None:
    kinds = {one["kind"] for one in chart("least").objects}
    assert kinds == {"ConfigMap", "Deployment", "Job", "PodDisruptionBudget", "Service"}
    assert {one["kind"] for one in chart("all").objects} - kinds == {
        "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PersistentVolumeClaim", FOREIGN,
    }  # fmt: skip
    assert chart("least").only("Deployment", "-server")["spec"]["replicas"] == 1
    # What the autoscaler decides the next upgrade must not take back.
    assert "replicas" not in chart("all").only("Deployment", "-server")["spec"]
    assert {key for pod in chart("least").pods() for one in pod["spec"]["volumes"] for key in one} == {
        "name",
        "emptyDir",
    }


def targets(scaler: dict[str, Any]) -> dict[str, str]:
    """Return what the pods of an autoscaler should have on average, by the name of the metric."""
    pods = [one["pods"] for one in scaler["spec"]["metrics"] if one["type"] == "Pods"]
    return {one["metric"]["name"]: one["target"]["averageValue"] for one in pods}


def test_it_grows_with_connections_lag_and_processor_time() -> None:
    adapter = yaml.safe_load((ROOT / "deploy" / "prometheus" / "adapter.yml").read_text())
    for name, wanted in (
        ("usual", {"aura_connections": "4000", "aura_loop_lag_seconds": "100m"}),
        ("all", {"aura_connections": "4000000", "aura_loop_lag_seconds": "0.25"}),
        ("bare", {}),
    ):
        scaler = chart(name).only("HorizontalPodAutoscaler")
        assert targets(scaler) == wanted
        assert scaler["spec"]["scaleTargetRef"]["name"] == chart(name).only("Deployment", "-server")["metadata"]["name"]
        cpu = scaler["spec"]["metrics"][-1]
        assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
        assert set(wanted) <= {rule["name"]["matches"] for rule in adapter["rules"]}


@pytest.mark.parametrize("lag", [0, 0.0, "0", "0m", "0.00", "", None], ids=repr)
def test_no_lag_is_no_target(lag: Any) -> None:
    scaler = Chart({"autoscaling": {"lag": lag}}).only("HorizontalPodAutoscaler")
    assert targets(scaler) == {"aura_connections": "4000"}
    valid(scaler)


def test_it_grows_step_by_step_and_shrinks_slowly() -> None:
    for name in ("usual", "all", "bare"):
        behaviour = chart(name).only("HorizontalPodAutoscaler")["spec"]["behavior"]
        assert behaviour["scaleUp"] == {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 60}]}
        assert behaviour["scaleDown"] == {
            "stabilizationWindowSeconds": 600, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}]
        }  # fmt: skip


def test_the_data_is_upgraded_as_by_compose_and_by_no_bare_migration() -> None:
    (upgrading,) = chart().only("Job", "-1")["spec"]["template"]["spec"]["containers"]
    compose = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yml").read_text())
    assert (
        upgrading["args"][:3] == compose["services"]["migrate"]["command"] == ["manage", "upgrade", "--without-backup"]
    )
    for one in chart().all("Deployment"):
        (waiting,) = one["spec"]["template"]["spec"]["initContainers"]
        assert "migrate --check" in waiting["args"][0]


def test_a_pod_that_waits_for_the_migration_can_be_deleted(tmp_path: Path) -> None:
    """A container's first process gets no signal that it does not handle: the pod would be killed in the end."""
    (tmp_path / "aura").write_text("#!/bin/sh\ntouch waits\nexit 1\n")
    (tmp_path / "aura").chmod(0o755)
    for one in chart().all("Deployment"):
        (waiting,) = one["spec"]["template"]["spec"]["initContainers"]
        command = [*waiting["command"], *waiting["args"]]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
            while not (tmp_path / "waits").exists():
                assert process.poll() is None
                time.sleep(0.01)
            process.terminate()
            # Not by the signal, as anywhere else: by its own decision.
            assert process.wait(60) == 1
        (tmp_path / "waits").unlink()


@pytest.mark.parametrize("name", SETS)
def test_secrets_come_from_a_secret_alone_and_settings_are_known(name: str) -> None:
    assert not chart(name).all("Secret")
    known = (ROOT / "docs" / "reference" / "settings.md").read_text()
    given = chart(name).only("ConfigMap")
    assert {one for one in given["data"] if f"`{one}`" not in known} == set()
    secret = SETS[name].get("existingSecret", "aura")
    for container in chart(name).containers():
        # The Secret is last: what both have is taken from it.
        assert container["envFrom"] == [
            {"configMapRef": {"name": given["metadata"]["name"]}}, {"secretRef": {"name": secret}}
        ]  # fmt: skip


def test_own_settings_go_before_the_charts_and_probes_are_heard_still() -> None:
    usual, own = (chart(name).only("ConfigMap")["data"] for name in ("usual", "all"))
    assert (usual["AURA_ALLOWED_HOSTS"], usual["AURA_HTTPS"]) == ("chat.example.org,localhost", "true")
    assert (own["AURA_ALLOWED_HOSTS"], own["AURA_TRUSTED_ORIGINS"]) == ("a.example,localhost", "https://a.example")
    assert own["AURA_LOG_JSON"] == "true"
    for name in ("usual", "all"):
        # Other settings are other pods.
        sums = {pod["metadata"].get("annotations", {}).get("checksum/settings") for pod in chart(name).pods()}
        assert len(sums) == 2
    assert chart("usual").pods()[0]["metadata"] != chart("all").pods()[0]["metadata"]
    annotations = chart("all").only("Ingress")["metadata"]["annotations"]
    assert (annotations[TIMEOUT], annotations["example.org/more"]) == ("300", "true")
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"


def test_the_ways_in_lead_to_the_port_of_the_image() -> None:
    for name in ("usual", "all", "bare"):
        made = chart(name)
        (port,) = made.only("Deployment", "-server")["spec"]["template"]["spec"]["containers"][0]["ports"]
        (exposed,) = re.findall(
            r"^EXPOSE (\d+)$", (ROOT / "deploy" / "docker" / "Dockerfile").read_text(), re.MULTILINE
        )
        assert port["containerPort"] == int(exposed)
        service = made.only("Service")
        (offered,) = service["spec"]["ports"]
        assert offered["targetPort"] == port["name"]
        ingress = made.only("Ingress")["spec"]
        (path,) = ingress["rules"][0]["http"]["paths"]
        assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": offered["name"]}}
        assert [one["hosts"] for one in ingress["tls"]] == [[ingress["rules"][0]["host"]]]
        for monitor in made.all(FOREIGN):
            assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            (endpoint,) = monitor["spec"]["endpoints"]
            assert (endpoint["port"], endpoint["path"]) == (offered["name"], "/metrics")
    bare = chart("bare").only("Ingress")["spec"]
    assert "ingressClassName" not in bare
    assert "secretName" not in bare["tls"][0]


def test_only_the_proxy_and_the_monitoring_may_connect() -> None:
    for name, callers in (
        ("usual", ["ingress-nginx", "monitoring"]),
        ("all", ["1234", "monitoring"]),
        ("bare", ["ingress-nginx"]),
    ):
        policy = chart(name).only("NetworkPolicy")["spec"]
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        (rule,) = policy["ingress"]
        assert [
            one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in rule["from"]
        ] == callers
        assert rule["ports"] == [{"protocol": "TCP", "port": 8000}]
        # Every pod is behind it, also those that serve nothing.
        for pod in chart(name).pods():
            assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert {53, 5432, 6379, 443} == {
        port["port"] for rule in chart().only("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]
    }
    assert chart("all").only("NetworkPolicy")["spec"]["egress"] == [{}]
    assert chart().only("Deployment", "-worker")["spec"]["replicas"] == 1
    assert chart().only("Deployment", "-worker")["spec"]["strategy"] == {"type": "Recreate"}


def test_the_page_installs_what_there_is() -> None:
    section = PAGE[PAGE.index("## Kubernetes") : PAGE.index("## Upgrade")].replace("\\\n", " ")
    (line,) = re.findall(r"^helm install .+$", section, re.MULTILINE)
    _, _, *arguments = shlex.split(line)
    # The same objects as `install` would make; that would ask a cluster.
    told = helm.run("template", *arguments[:1], str(ROOT / arguments[1]), *arguments[2:])
    assert 'host: "chat.example.org"' in told
    assert 'image: "registry.example.org/aura:0.1.0"' in told
    (made,) = re.findall(r"^kubectl create secret .+$", section, re.MULTILINE)
    keys = set(re.findall(r"--from-literal=(\w+)=", made))
    assert {"DATABASE_URL", "REDIS_URL", "AURA_SECRET_KEY", "AURA_RECORD_KEY", "AURA_SIGNING_KEY"} < keys
    (endpoint,) = chart("all").only(FOREIGN)["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"]["key"] in keys
    assert shlex.split(made)[4] == VALUES["existingSecret"]
