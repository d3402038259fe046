"""The other files of deploy/: each is read by the tool it is for."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aura_site.launcher import nginx
from aura_site.monitoring import exposition
from routing_ai.policy.quality import Totals
from tests.live import ROOT

DEPLOY = ROOT / "deploy"
DOCKER = DEPLOY / "docker"


def run(*command: str | Path, **more) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    done = run(Path(sys.executable).with_name("hadolint"), "--no-color", DOCKER / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_all_that_runs_and_nothing_else() -> None:
    text = (DOCKER / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE))
    names = {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in names)
    assert {"aura", "manage.py", "aura_site", "audit", "aura_db", "compression", "routing_ai", "streaming"} <= names
    # An image on top of it installs what pages and messages name.
    assert {f"requirements-{name}.txt" for name in ("names", "otel", "voice", "webrtc")} <= names
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in names} == {line for line in ignored if line.startswith("!")}
    assert text.index("USER 10001") < text.index("ENTRYPOINT")
    assert "--require-hashes" in text
    # Another image that each build would have to fetch: nothing here needs what only that can do.
    assert "syntax=" not in text


def test_compose_starts_each_part_once_and_asks_for_its_secrets() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yml").read_text())
    services = compose["services"]
    assert set(services) == {"migrate", "server", "worker", "database", "redis", "nginx"}
    assert [services[name]["command"][0] for name in ("migrate", "server", "worker")] == ["manage", "server", "worker"]
    given = (DOCKER / "env.example").read_text()
    wanted = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yml").read_text()))
    assert {name for name in wanted if f"\n{name}=" not in given} == set()
    for name in ("AURA_SECRET_KEY", "AURA_RECORD_KEY", "AURA_SIGNING_KEY"):
        assert ":?" in services["server"]["environment"][name]
    assert services["server"]["read_only"] is True
    assert int(services["server"]["stop_grace_period"].rstrip("s")) >= 20
    known = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert {name for name in services["server"]["environment"] if f"`{name}`" not in known} == set()


def test_the_proxy_of_compose_is_what_aura_prints() -> None:
    printed = nginx.render(nginx.Site(("server:8000",), version=(1, 29, 0)))
    assert (DOCKER / "nginx.conf").read_text() == printed


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    assert program, "no systemd-analyze: install Debian's package systemd"
    units = []
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        # A unit whose program is not there is refused.
        text = unit.read_text().replace("/opt/aura", str(ROOT))
        (tmp_path / unit.name).write_text(text)
        units.append(tmp_path / unit.name)
    assert len(units) == 2
    done = run(program, "verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "no promtool: install Debian's package prometheus"
    return found


def test_the_alerts_fire_when_they_should(promtool: str) -> None:
    done = run(promtool, "test", "rules", "alerts.test.yml", cwd=DEPLOY / "prometheus")
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_its_configuration(promtool: str, tmp_path: Path) -> None:
    for file in (DEPLOY / "prometheus").glob("*.yml"):
        text = file.read_text().replace("/etc/prometheus/aura_operator_token", str(tmp_path / "token"))
        (tmp_path / file.name).write_text(text)
    (tmp_path / "token").write_text("secret")
    done = run(promtool, "check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("interval", ["15s", "30s", "1m"])
def test_the_autoscaler_hears_of_lag_that_lasts_and_not_of_a_pause(
    promtool: str, tmp_path: Path, interval: str
) -> None:
    (rule,) = (
        one
        for one in yaml.safe_load((DEPLOY / "prometheus" / "adapter.yml").read_text())["rules"]
        if one["name"]["matches"] == "aura_loop_lag_seconds"
    )
    # As prometheus-adapter fills it in.
    query = rule["metricsQuery"]
    for name, value in (
        ("Series", "aura_loop_lag_seconds"),
        ("LabelMatchers", 'namespace="chat",pod=~"late|pauses|refuses|begins"'),
        ("GroupBy", "pod"),
    ):
        query = query.replace(f"<<.{name}>>", value)
    # Samples up to the twentieth, which is looked at.
    samples = {
        "late": "0.3x20",
        "pauses": "0.01x17 60 0.01 0.01",
        "refuses": " ".join(["1.2 0.1 0.1"] * 7),
        "begins": "_x16 3 2 1 1",
        "elsewhere": "5x20",
    }
    series = [
        {"series": f'aura_loop_lag_seconds{{namespace="chat",pod="{pod}"}}', "values": values}
        for pod, values in samples.items()
    ]
    # Whether it would ask for more pods, of those that it hears of.
    told = [
        {"labels": f'{{pod="{pod}"}}', "value": value} for pod, value in (("late", 1), ("pauses", 0), ("refuses", 1))
    ]
    at = f"{20 * int(interval[:-1])}{interval[-1]}"
    test = {"expr": f"({query}) > bool 0.1", "eval_time": at, "exp_samples": told}
    (tmp_path / "lag.test.yml").write_text(
        yaml.safe_dump({"tests": [{"interval": interval, "input_series": series, "promql_expr_test": [test]}]})
    )
    done = run(promtool, "test", "rules", "lag.test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def families() -> set[str]:
    """The names of all metrics, as they are exposed."""
    figures = {
        "ready": {}, "transports": {}, "connections": {"opened": 0}, "streams": {"open": 0, "opened": 0},
        "compression": {"text_bytes": 0, "wire_bytes": 0, "methods": {}}, "frames": {"bytes": 0, "sent": 0},
        "load": {"lag_ms": 0, "held_bytes": 0, "shed": 0, "rate_limited": 0}, "draining": False,
        "topics": {"open": 0, "subscribers": 0}, "datasets": {"running": 0, "bytes": 0}, "queues": {}, "worker": [],
        "totals": {"m": Totals()}, "downloads": {}, "models": {}, "spend": {"budgets": [], "spent": 0, "saved": 0},
        "bridges": {"routes": {}, "outboxes": {}, "dead_letters": {}},
    }  # fmt: skip
    names = set()
    for family in exposition.families(figures):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


def test_dashboards_and_alerts_use_metrics_that_there_are() -> None:
    known = families()
    board = json.loads((DEPLOY / "grafana" / "aura.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(expressions) >= 12
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    expressions += [rule["expr"] for rule in rules]
    expressions += [
        one["seriesQuery"] for one in yaml.safe_load((DEPLOY / "prometheus" / "adapter.yml").read_text())["rules"]
    ]
    used = {name for expression in expressions for name in re.findall(r"\baura_\w+", expression)}
    assert used - known == set()
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    bases = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}
    assert {name for name in bases if f"`{name}`" not in page} == set()
    advice = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    assert {rule["alert"] for rule in rules if rule["alert"] not in advice} == set()
