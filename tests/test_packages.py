"""The packages that AURA runs with: whose licences allow it, whose own needs are met, and that come from the index alone."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from tests.advisories import ROOT, canonical, locked

# The locks of what runs; requirements-dev.txt is for tests.
RUNNING = {path.name for path in ROOT.glob("requirements*.txt")} - {"requirements-dev.txt"}
# Installed without what they ask for besides, which AURA does not use of them.
WITHOUT_NEEDS = ("requirements-models.txt", "requirements-voice.txt", "requirements-names.txt")
# Words of licences that ask for nothing but their notice, and of those that ask for it of changes to the package itself.
PERMISSIVE = r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|Unlicense|ZPL|Zope|Zlib|0BSD|CC0|CC-BY-4"
WEAK = r"LGPL|Lesser General Public|MPL|Mozilla Public|OFL"
# A line of a lock: a comment, a hash, or a package with its version.
PIN = re.compile(r"$|\s*#|\s+--hash=sha256:[0-9a-f]{64}|[A-Za-z0-9._-]+(\[[\w,-]+\])?==[^\s;@]+( ;|\s*\\$|$)")
# What states no licence in its metadata, and where it stands.
ELSEWHERE = {"securevector-guardian-model": "Apache License"}


def running() -> dict[str, metadata.Distribution]:
    """Return the installed packages of the locks of what runs, by name."""
    names = {name for (name, _), files in locked().items() if RUNNING & set(files)}
    return {canonical(found.name): found for found in metadata.distributions() if canonical(found.name) in names}


def licence(package: metadata.Distribution) -> str:
    """Return what a package says of its licence, in one line."""
    told = package.metadata
    stated = [told.get("License-Expression") or "", *(told.get("License") or "").splitlines()[:1]]
    stated += [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    return "; ".join(filter(None, stated))


def test_every_licence_allows_what_aura_does_with_the_package() -> None:
    found = running()
    assert len(found) > 80
    unknown = {name: licence(one) for name, one in found.items() if not re.search(f"{PERMISSIVE}|{WEAK}", licence(one))}
    for name, words in ELSEWHERE.items():
        assert unknown.pop(name) == ""
        texts = [file.read_text() for file in found[name].files or [] if file.name == "LICENSE"]
        assert words in texts[0]
    assert unknown == {}
    strong = {name for name, one in found.items() if re.search(r"(?<!L)(?<!Lesser )\bA?GPL", licence(one))}
    assert strong == set()


def test_the_page_names_those_that_ask_for_more_than_their_notice() -> None:
    page = (ROOT / "docs" / "how-to" / "secure.md").read_text()
    asking = {name for name, one in running().items() if re.search(WEAK, licence(one))}
    assert len(asking) > 4
    assert {name for name in asking if f"`{name}`" not in page} == set()


def test_what_packages_need_is_there() -> None:
    told = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False).stdout
    alone = {name for (name, _), files in locked().items() if set(files) & set(WITHOUT_NEEDS)}
    broken = [line for line in told.splitlines() if line and canonical(line.split()[0]) not in alone]
    assert broken in ([], ["No broken requirements found."])


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_a_lock_names_packages_of_the_index_alone(name: str) -> None:
    """No address, no folder, no other index: what is locked is what everybody can look up."""
    for line in (ROOT / name).read_text().splitlines():
        assert PIN.match(line), line
