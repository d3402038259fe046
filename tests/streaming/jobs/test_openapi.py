"""The description is true: schemathesis sends what it allows and what it forbids to a real server."""

import subprocess
import sys
from pathlib import Path

from streaming.datasets.parameters import ENDPOINTS
from streaming.jobs.openapi import description
from tests.live import LiveServer

HERE = Path(__file__).parent


def test_schemathesis_finds_nothing_to_complain_of(live: LiveServer) -> None:
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{live.url}/deep_tree_echo/openapi.json"),
        *("--header", f"Authorization: Bearer {live.key}", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "5", "--seed", "1", "--no-color"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=live.folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "Selected: 10/10" in done.stdout


def test_every_endpoint_and_parameter_is_described() -> None:
    paths = description("1")["paths"]
    for endpoint in ENDPOINTS.values():
        methods = paths[f"/deep_tree_echo/{endpoint.name}"]
        described = {item["name"]: item["schema"] for item in methods["post"]["parameters"]}
        for parameter in endpoint.parameters:
            assert described[parameter.name] == parameter.schema
        assert ("get" in methods) == endpoint.readable
