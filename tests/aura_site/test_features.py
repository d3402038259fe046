"""`./aura enable`, `disable`, `dev --dry-run`: switches in `.env`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aura_site import dotenv
from aura_site.launcher import features
from aura_site.launcher.config import Config
from aura_site.launcher.errors import LauncherError
from tests.live import ROOT


def config(folder: Path, **environment: str) -> Config:
    return Config(folder, folder / "var", "127.0.0.1", 8000, environment)


def switch(folder: Path, *names: str, on: bool = True, dry_run: bool = False, **environment: str) -> None:
    features.switch(config(folder, **environment), names, on=on, dry_run=dry_run, running=False)


def test_the_usual_ones_are_switched_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nexport ENABLE_HYBRID_STREAMING = 'false'  # slow line\nOPENAI_API_KEY=\"a b\"\n")
    file.chmod(0o640)
    switch(tmp_path)
    written = '# mine\nexport ENABLE_HYBRID_STREAMING = true  # slow line\nOPENAI_API_KEY="a b"\n'
    assert file.read_text() == written + "ENABLE_INTELLIGENT_ROUTING=true\n"
    assert file.stat().st_mode & 0o777 == 0o640
    before = file.stat().st_mtime_ns
    switch(tmp_path)
    assert file.stat().st_mtime_ns == before
    switch(tmp_path, on=False)
    assert dotenv.read(file) == {
        "ENABLE_HYBRID_STREAMING": "false",
        "OPENAI_API_KEY": "a b",
        "ENABLE_INTELLIGENT_ROUTING": "false",
    }


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    switch(tmp_path, "mock", dry_run=True)
    assert "not set -> true" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_what_is_neither_true_nor_false_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features.show(config(tmp_path, AURA_HTTPS="ture", AURA_TRACES="No"))
    told = capsys.readouterr().out
    assert "https          ?    AURA_HTTPS, by the environment: give true or false" in told
    assert "traces         off  AURA_TRACES, by the environment\n" in told


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    switch(tmp_path, "mock")
    assert (tmp_path / ".env").read_text() == "ALLOW_MOCK_LLM=true\n"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_an_environment_that_says_otherwise_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    switch(tmp_path, "mock", ALLOW_MOCK_LLM="no")
    assert "the environment says 'no'" in capsys.readouterr().out
    found = {
        state.feature.name: state for state in features.states({"ALLOW_MOCK_LLM": "no"}, {"ALLOW_MOCK_LLM": "yes"})
    }
    assert (found["mock"].on, found["mock"].said_by) == (False, "the environment")
    assert (found["routing"].on, found["routing"].said_by) == (True, "the default")


def test_a_name_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(LauncherError, match="no feature called teleport; there are: routing"):
        switch(tmp_path, "hybrid", "teleport")
    assert list(tmp_path.iterdir()) == []


def test_every_switch_is_a_setting_with_the_same_default() -> None:
    source = (ROOT / "aura_site" / "settings.py").read_text()
    for feature in features.FEATURES.values():
        assert f'env.bool("{feature.variable}", {feature.default})' in source


def test_from_the_command_line(tmp_path: Path) -> None:
    for name in ("aura_site", "compression"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "aura", tmp_path / "aura")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "ENABLE_"))}

    def aura(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**kept, "AURA_VENV": sys.prefix}
        return subprocess.run(
            ["./aura", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    assert aura("enable").returncode == 0
    assert "hybrid         on   ENABLE_HYBRID_STREAMING, by .env" in aura("status").stdout
    assert aura("disable", "hybrid").returncode == 0
    assert "hybrid         off" in aura("status").stdout
    wrong = aura("enable", "teleport")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert "--reload" in aura("dev", "--dry-run").stdout
    (tmp_path / ".env").write_text("nonsense")
    assert (aura("enable").returncode, aura("enable").stderr.count("\n")) == (1, 1)
