"""`.env`: one rule for the launcher and the settings."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aura_site import dotenv
from aura_site.launcher.config import Config
from aura_site.launcher.errors import LauncherError
from tests.live import ROOT

LINES = {
    "A=1": "1",
    "A=": "",
    "  A = two words  ": "two words",
    "export A='two words'": "two words",
    "A=x=y": "x=y",
    "A=pass#word": "pass#word",
    "A=value # comment": "value",
    "A=value\t#comment": "value",
    "A= # comment": "",
    "A=#word": "",
    "A='it # stays' # comment": "it # stays",
    r"A='\n as it is'": r"\n as it is",
    r'A="line\nnext\ttab \"quoted\" \\ # stays" # comment': 'line\nnext\ttab "quoted" \\ # stays',
    "A=$HOME": "$HOME",
    r"A=\$x $y": r"\$x $y",
    "A=مرحبا": "مرحبا",
    "A=1\nA=2": "2",
    "# A=1\n\nA=3": "3",
    "A=1\r\nB=2": "1",
}


@pytest.mark.parametrize("text", LINES)
def test_what_a_line_means(text: str) -> None:
    assert dotenv.parse(text)["A"] == LINES[text]


@pytest.mark.parametrize(
    "text", ["nonsense", "1A=x", "=x", "A='open", 'A="open', "A='a' b", 'A="a"b', 'A="\\"', "A=\0"]
)
def test_what_makes_no_sense_names_its_line(text: str) -> None:
    with pytest.raises(dotenv.DotenvError, match=r"^\.env, line 2: [^\n]+\.$"):
        dotenv.parse("B=1\n" + text)


@given(st.text().filter(lambda text: "\0" not in text))
def test_any_value_can_be_written_in_double_quotes(value: str) -> None:
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    assert dotenv.parse(f'A="{written}"') == {"A": value}


@given(st.binary())
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.env"
    file.write_bytes(data)
    try:
        assert all(name and "\0" not in value for name, value in dotenv.read(file).items())
    except dotenv.DotenvError as error:
        assert "line" in str(error)


NAMES = st.sampled_from(["A", "B", "LONG_NAME", "Z9"])


@example("\texport B = x # y", {"B": ""})
@given(
    st.lists(st.sampled_from([*LINES, "", "  ", "# B=3", "\texport B = x # y"])).map("\n".join),
    st.dictionaries(NAMES, st.text().filter(lambda text: "\0" not in text)),
)
def test_a_change_changes_what_it_names_and_nothing_else(text: str, changes: dict[str, str]) -> None:
    once = dotenv.edited(text, changes)
    assert dotenv.parse(once) == {**dotenv.parse(text), **changes}
    assert dotenv.edited(once, changes) == once
    assert [line for line in text.split("\n") if line.lstrip().startswith("#")] == [
        line for line in once.split("\n") if line.lstrip().startswith("#")
    ]


def test_a_file_that_makes_no_sense_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("nonsense")
    with pytest.raises(dotenv.DotenvError, match="line 1"):
        dotenv.change(file, {"A": "1"})
    assert file.read_text() == "nonsense"


def test_no_file_and_a_file_that_is_a_folder(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / "none") == {}
    with pytest.raises(dotenv.DotenvError, match="cannot be read"):
        dotenv.read(tmp_path)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's Python side, for a `.env` of its own."""
    for name in ("aura_site", "audit", "aura_db", "compression", "routing_ai", "streaming"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("manage.py", "aura"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "OPEN", "DJANGO"))}
    environment = {**kept, "AURA_VENV": sys.prefix}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


SHOW = """
from django.conf import settings
from aura_site.launcher.config import Config
config = Config.load()
print([settings.AURA_PORT, settings.AURA_HOST, str(settings.AURA_DATA_DIR), settings.OPENAI_API_KEY])
print([config.port, config.host, str(config.data), settings.OPENAI_API_KEY])
"""


def test_launcher_and_settings_read_the_same(copy: Path) -> None:
    (copy / ".env").write_text(
        "export AURA_PORT=8123 # ours\nAURA_HOST = 'localhost'  # here\n"
        'AURA_DATA_DIR="data\\ folder"\nOPENAI_API_KEY=$k-\\$1#2\n'
    )
    done = _run(copy, sys.executable, "manage.py", "shell", "--verbosity=0", "-c", SHOW)
    by_settings, by_launcher = done.stdout.splitlines()
    assert by_settings == by_launcher == str([8123, "localhost", str(copy / "data folder"), "$k-\\$1#2"])


def test_an_empty_value_is_the_default_for_both(copy: Path) -> None:
    (copy / ".env").write_text("AURA_PORT=\nAURA_HOST=''\nAURA_DATA_DIR=\n")
    done = _run(copy, sys.executable, "manage.py", "shell", "--verbosity=0", "-c", SHOW)
    by_settings, by_launcher = done.stdout.splitlines()
    assert by_settings == by_launcher == str([8000, "127.0.0.1", str(copy / "var"), ""])


@pytest.mark.parametrize("command", [["./aura", "status"], [sys.executable, "manage.py", "check"]])
def test_a_file_that_is_not_utf_8_is_one_clear_sentence(copy: Path, command: list[str]) -> None:
    (copy / ".env").write_bytes(b"# fine\nAURA_HOST=caf\xe9\n")
    done = _run(copy, *command)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "line 2: this is not UTF-8" in done.stderr


def test_the_launcher_passes_the_sentence_on(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("nonsense")
    with pytest.raises(LauncherError, match="line 1: write NAME=value"):
        Config.load(tmp_path)
