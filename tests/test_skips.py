"""A skip fails a run that requires all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

SKIPS = {
    "call": "import pytest\n\ndef test_it():\n    pytest.skip('no broker')\n",
    "mark": "import pytest\n\n@pytest.mark.skipif(True, reason='no broker')\ndef test_it():\n    pass\n",
    "fixture": "import pytest\n\n@pytest.fixture\ndef it():\n    pytest.skip('no broker')\n\ndef test_it(it):\n    pass\n",
    "module": "import pytest\npytest.skip('no broker', allow_module_level=True)\n",
}


def _run(folder: Path, source: str, required: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_one.py").write_text(source + "\n\ndef test_other():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.skips", "-c", os.devnull, "--rootdir", str(folder)]
    environment = {**os.environ, "AURA_REQUIRE_ALL": required, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:django", str(folder)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", SKIPS)
def test_a_skip_fails_only_a_run_that_requires_all(tmp_path: Path, kind: str) -> None:
    plain = _run(tmp_path, SKIPS[kind], "")
    # 5: a module that is skipped whole leaves no test.
    assert plain.returncode == (5 if kind == "module" else 0), plain.stdout
    strict = _run(tmp_path, SKIPS[kind], "1")
    assert strict.returncode not in (0, 5), strict.stdout
    assert "A skip counts as a failure here (AURA_REQUIRE_ALL): " in strict.stdout
    assert "no broker" in strict.stdout


def test_an_expected_failure_has_run(tmp_path: Path) -> None:
    source = "import pytest\n\n@pytest.mark.xfail(strict=True)\ndef test_it():\n    raise ValueError\n"
    assert _run(tmp_path, source, "1").returncode == 0
