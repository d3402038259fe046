"""Looks the locked packages up among known vulnerabilities: `python -m tests.advisories [--from FILE-OR-ADDRESS]`.

Advisories come from what AURA_ADVISORIES (or `--from`) names: a file, a folder or a zip archive of entries in the OSV format
(https://ossf.github.io/osv-schema/; osv.dev offers one archive for all of PyPI), or the address of a service that answers as
https://google.github.io/osv.dev/post-v1-querybatch/ says. Without, osv.dev is asked. It ends with 0 when nothing was found,
with 1 when something was, and with 75 when nobody could be asked: that is no clean bill.
"""

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
SERVICE = "https://api.osv.dev"
CLEAN, FOUND, NOT_ASKED = 0, 1, os.EX_TEMPFAIL
TIMEOUT = 30
# Advisories that do not touch AURA, each with the reason.
ACCEPTED: Mapping[str, str] = {}

Package = tuple[str, str]


class Unreachable(Exception):
    """There is nobody to ask; the message says why."""


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(root: Path = ROOT) -> dict[Package, list[str]]:
    """Return every package and version of the locks, with the files that have it."""
    found: dict[Package, list[str]] = {}
    for path in sorted(root.glob("requirements*.txt")):
        pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==([^ ;\\]+)", path.read_text(), re.MULTILINE)
        for name, version in pins:
            found.setdefault((canonical(name), version), []).append(path.name)
    return found


# -- advisories at hand --------------------------------------------------------------------------------------------


def entries(source: Path) -> Iterator[dict[str, Any]]:
    """Yield the advisories of a file (one, or a list), a folder or an archive. Raises Unreachable."""
    try:
        if source.is_dir():
            for path in sorted(source.rglob("*.json")):
                yield from _several(path.read_bytes())
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for name in archive.namelist():
                    yield from _several(archive.read(name))
        else:
            yield from _several(source.read_bytes())
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise Unreachable(f"{source} cannot be read ({error})") from None


def _several(data: bytes) -> list[dict[str, Any]]:
    value = json.loads(data)
    return value if isinstance(value, list) else [value]


def touches(advisory: Mapping[str, Any], package: Package) -> bool:
    """Return whether an advisory is about this version of a package."""
    if advisory.get("withdrawn"):
        return False
    name, version = package
    for affected in advisory.get("affected", []):
        about = affected.get("package", {})
        if about.get("ecosystem") != "PyPI" or canonical(about.get("name", "")) != name:
            continue
        if version in affected.get("versions", []):
            return True
        ranges = [one for one in affected.get("ranges", []) if one.get("type") == "ECOSYSTEM"]
        if any(_within(one.get("events", []), version) for one in ranges):
            return True
    return False


def _within(events: Iterable[Mapping[str, str]], version: str) -> bool:
    """Return whether a version lies in a range: from `introduced` on, up to `last_affected`, before `fixed`."""
    inside = False
    own = Version(version)
    for event in events:
        for kind, bound in event.items():
            try:
                at = Version("0.dev0" if bound == "0" else bound)
            except InvalidVersion:
                continue
            if kind == "introduced":
                inside = inside or own >= at
            elif (kind == "fixed" and own >= at) or (kind == "last_affected" and own > at):
                inside = False
    return inside


def in_files(source: Path, packages: Iterable[Package]) -> dict[Package, list[str]]:
    """Return the advisories of a source at hand about packages, by package. Raises Unreachable."""
    wanted = list(packages)
    names = {name for name, _ in wanted}
    found: dict[Package, list[str]] = {}
    read = 0
    for advisory in entries(source):
        read += 1
        about = {canonical(one.get("package", {}).get("name", "")) for one in advisory.get("affected", [])}
        if about & names:
            for package in wanted:
                if touches(advisory, package):
                    found.setdefault(package, []).append(advisory["id"])
    if not read:
        raise Unreachable(f"{source} holds no advisory")
    return found


# -- a service -----------------------------------------------------------------------------------------------------


def at_service(address: str, packages: Iterable[Package]) -> dict[Package, list[str]]:
    """Return what a service knows about packages, by package. Raises Unreachable."""
    wanted = list(packages)
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in wanted]
    request = urllib.request.Request(
        f"{address.rstrip('/')}/v1/querybatch",
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            results = json.load(response)["results"]
    except (OSError, ValueError, KeyError) as error:
        raise Unreachable(f"{address} does not answer ({error})") from None
    if len(results) != len(wanted):
        raise Unreachable(f"{address} answered {len(results)} of {len(wanted)} questions")
    told = {
        package: [one["id"] for one in result.get("vulns", [])] for package, result in zip(wanted, results, strict=True)
    }
    return {package: names for package, names in told.items() if names}


def main(arguments: list[str]) -> int:
    """Look all packages up, say what was found, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", default=os.environ.get("AURA_ADVISORIES") or SERVICE)
    source = parser.parse_args(arguments).source
    packages = locked()
    try:
        remote = source.startswith(("http://", "https://"))
        known = at_service(source, packages) if remote else in_files(Path(source), packages)
    except Unreachable as error:
        print(f"NOT LOOKED UP: {error}. Name advisories at hand in AURA_ADVISORIES.")
        return NOT_ASKED
    found = {package: [name for name in names if name not in ACCEPTED] for package, names in known.items()}
    for (name, version), names in sorted(found.items()):
        if names:
            print(f"{name} {version} ({', '.join(packages[name, version])}): {', '.join(names)}")
    count = sum(map(len, found.values()))
    print(f"{len(packages)} packages looked up at {source}: {count} vulnerabilities.")
    return FOUND if count else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
