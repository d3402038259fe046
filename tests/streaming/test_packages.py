"""The advice for a missing package, followed in environments with and without a pip of their own."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def told(python: str) -> str:
    code = "from streaming.packages import install; print(install(\"'there>=1,<2'\"))"
    return subprocess.run([python, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("container", [False, True])
def test_what_is_said_to_install_a_package_does_so_in_the_environment_that_lacks_it(
    tmp_path: Path, *, container: bool
) -> None:
    python = sys.executable
    if container:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
        python = str(tmp_path / "bin" / "python")
    command, _, where = told(python).partition(" (")
    assert where == ("for a container see docs/how-to/deploy.md)" if container else "")
    pip = shlex.split(command)
    assert pip[-4:] == ["install", "--only-binary", ":all:", "there>=1,<2"]
    # In a container pip is that of the base image.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    there = [*pip[:-4], "list", "--disable-pip-version-check", "--format=freeze"]
    listed = subprocess.run(there, env={"PATH": path}, check=True, capture_output=True, text=True).stdout
    assert ("Django==" in listed) is not container
