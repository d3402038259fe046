"""The name `compression`: both import orders beside a standard package of that name (Python 3.14 and later)."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks

from aura_site import checks

ROOT = Path(__file__).resolve().parents[2]
# What the standard library does there: gzip, bz2 and lzma import these.
STANDARD = {
    "__init__.py": "",
    "_common/__init__.py": "",
    "_common/_streams.py": "NAME = 'streams'\n",
    "zstd.py": "NAME = 'zstd'\n",
}
ORDERS = {
    "standard first": "import compression.zstd; import aura_site; from compression.codec import varint",
    "project first": "import aura_site; from compression.codec import varint; import compression.zstd",
}


@pytest.mark.parametrize("first", ["project", "standard"])
@pytest.mark.parametrize("order", list(ORDERS))
def test_both_packages_are_found_in_either_order(tmp_path: Path, order: str, first: str) -> None:
    for name, text in STANDARD.items():
        path = tmp_path / "compression" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folders = [str(ROOT), str(tmp_path)] if first == "project" else [str(tmp_path), str(ROOT)]
    program = f"""
import sys
sys.path[:0] = {folders!r}
{ORDERS[order]}
import compression._common._streams as streams, compression.zstd as zstd, compression.apps as apps
assert (streams.NAME, zstd.NAME) == ("streams", "zstd")
assert varint.encode_varint(300) == b"\\xac\\x02"
assert apps.__file__.startswith({str(ROOT)!r}), apps.__file__
import gzip
assert gzip.decompress(gzip.compress(b"text")) == b"text"
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_no_module_of_ours_hides_one_of_the_standard_librarys() -> None:
    taken = {"_common", "bz2", "gzip", "lzma", "zlib", "zstd"}
    assert not taken & {path.stem for path in (ROOT / "compression").iterdir()}


def test_an_app_from_outside_the_project_is_reported(settings, tmp_path: Path) -> None:
    assert [error for error in run_checks() if error.id == "aura.E001"] == []
    settings.BASE_DIR = tmp_path
    errors = checks.apps_are_the_projects_own()
    assert len(errors) == len(checks.APPS)
    assert {error.id for error in errors} == {"aura.E001"}
    assert "outside the project" in errors[0].msg
