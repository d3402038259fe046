"""The documents say what is there, and what they show works."""

import argparse
import re
import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern, URLResolver, get_resolver

from aura_site.documentation.markdown import parse
from aura_site.documentation.pages import by_path
from aura_site.launcher.__main__ import parser
from streaming.protocol.codes import CloseCode, FaultCode
from streaming.routing import http_urlpatterns, websocket_urlpatterns
from tests.live import ROOT

APPS = ("aura_site", "streaming", "audit", "compression", "routing_ai", "aura_db")
DOCS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
# Paths that a person never asks for by hand.
UNSAID = ("i18n/", "favicon.ico")
# Libraries' own, which their documents describe; and names inside texts about other things.
FOREIGN = {"AURA_REQUIRE_ALL"}


def page(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text()


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


# What there is


def test_every_setting_is_described() -> None:
    source = (ROOT / "aura_site" / "settings.py").read_text()
    found = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', source)) | set(re.findall(r'"(AURA_[A-Z_]+)"', source))
    assert len(found) > 20
    assert {name for name in found if f"`{name}`" not in page("settings.md")} == set()


def test_every_variable_that_is_read_is_described() -> None:
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py")] + [ROOT / "aura", ROOT / "manage.py"]
    # Not what programs here hand to each other, named with a mark behind.
    found = {name for path in sources for name in re.findall(r"\b(AURA_[A-Z_]+[A-Z])\b(?!_)", path.read_text())}
    described = "".join(page(name) for name in ("settings.md", "commands.md"))
    constants = set(re.findall(r"^(AURA_[A-Z_]+)\b", (ROOT / "aura_site" / "settings.py").read_text(), re.MULTILINE))
    assert len(found) > 60
    assert {name for name in found - constants - FOREIGN if f"`{name}`" not in described} == set()


def test_no_setting_is_described_that_is_not_there() -> None:
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", page("settings.md"), re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    source = "".join(path.read_text() for path in (ROOT / "aura_site").rglob("*.py"))
    assert len(described) > 60
    assert {name for name in described if f'"{name}"' not in source} - {"FORWARDED_ALLOW_IPS"} == set()


def own_commands() -> dict[str, BaseCommand]:
    return {name: load_command_class(app, name) for name, app in get_commands().items() if app in APPS}


def subcommands(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    choices = next(action.choices for action in top._actions if isinstance(action.choices, dict))
    return dict(choices)


def options(of: argparse.ArgumentParser) -> set[str]:
    """The long options that a command adds of its own."""
    usual = {
        option for action in BaseCommand().create_parser("manage.py", "x")._actions for option in action.option_strings
    }
    found = {option for action in of._actions for option in action.option_strings if option.startswith("--")}
    return found - usual - {"--help"}


def test_every_command_is_described_with_its_options() -> None:
    rows = {
        word: row
        for row in page("commands.md").splitlines()
        if row.startswith("| `")
        for word in re.findall(r"`(\w+)", row.split(" | ")[0])
    }
    launcher = subcommands(parser())
    manage = {name: command.create_parser("manage.py", name) for name, command in own_commands().items()}
    assert len(launcher) > 10
    assert len(manage) > 10
    assert (set(launcher) | set(manage)) - set(rows) == set()
    missing = [
        f"{name} {option}"
        for name, command in (*launcher.items(), *manage.items())
        for option in options(command)
        if option not in rows[name]
    ]
    assert missing == []


def test_every_benchmark_is_named_somewhere() -> None:
    text = "".join(path.read_text() for path in DOCS)
    programs = [path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()]
    # What a benchmark starts by itself.
    programs = [name for name in programs if name != "bare" and not name.endswith("_worker")]
    assert len(programs) > 5
    assert {name for name in programs if not re.search(rf"benchmarks\.{name}\b|bench {name}\b", text)} == set()


def test_every_code_is_described_with_its_number() -> None:
    text = page("protocol.md")
    for code in FaultCode:
        assert f"| {int(code)} | {code.label} | {'yes' if code.retry else 'no'} |" in text
    for code in CloseCode:
        assert f"| {int(code)} | {code.name.lower()} |" in text


def paths(patterns: Any, before: str = "") -> Iterator[str]:
    """Every path that the server answers, but the admin's own, which Django describes."""
    for one in patterns:
        path = before + str(one.pattern).lstrip("^")
        if isinstance(one, URLResolver):
            if one.app_name != "admin":
                yield from paths(one.url_patterns, path)
        elif isinstance(one, URLPattern):
            yield path


def test_every_path_is_described() -> None:
    text = page("endpoints.md")
    found = [*paths(get_resolver().url_patterns), *paths(http_urlpatterns), *paths(websocket_urlpatterns)]
    assert len(found) > 35
    for path in found:
        # `jobs/<str:job>/input` is described as `jobs/JOB/input`, or ID, or whatever is telling.
        pattern = re.sub(r"<[^>]+>", "SOME", path)
        told = re.escape("/" + pattern).replace("SOME", r"[A-Z]+")
        short = re.escape(pattern.rpartition("/")[2])
        known = re.search(told + r"(?=[`?\s,])", text) or (short and re.search(rf"`{short}`", text))
        assert known or path.startswith(UNSAID), path


# What they show

SHELL = ("sh", "bash", "console", "shell")


def shown(document: Path) -> Iterator[list[str]]:
    """The words of every command in a page's blocks of shell."""
    for token in parse(document.read_text()):
        if token.type == "fence" and token.info.split(" ")[0] in SHELL:
            for line in re.sub(r"\$\([^)]*\)", "SOME", token.content.replace("\\\n", " ")).splitlines():
                reader = shlex.shlex(line, posix=True, punctuation_chars="&|;")
                reader.whitespace_split = True
                for ended, words in groupby(reader, lambda word: set(word) <= set("&|;")):
                    if not ended:
                        yield list(words)


def mentioned(document: Path) -> Iterator[list[str]]:
    """The words of every command that stands in a sentence."""
    for token in parse(document.read_text()):
        for child in token.children or ():
            if child.type == "code_inline" and re.match(r"(\./aura|manage\.py|\S*python3?) ", child.content):
                yield re.sub(r"[\[\]\\|]", " ", child.content).split()


def command_of(words: list[str]) -> tuple[str, list[str]] | None:
    """Return what is started and with which arguments, if it is AURA's: `aura`, `manage` or a benchmark's name."""
    for place, word in enumerate(words):
        if re.fullmatch(r"\./aura|\S*/aura/aura", word):
            return "aura", words[place + 1 :]
        if re.fullmatch(r"(\S*/)?manage\.py", word):
            return "manage", words[place + 1 :]
        if (
            word == "-m"
            and place + 1 < len(words)
            and re.match(r"(benchmarks|tests|compression|streaming)\.", words[place + 1])
        ):
            return words[place + 1], words[place + 2 :]
    return None


def parsed(program: str, words: list[str]) -> None:
    """Have the command's own parser read the words; raises when it does not know them."""
    if program == "aura":
        given = parser().parse_args(words)
        if given.command == "bench":
            parsed(f"benchmarks.{given.name}", given.arguments)
        if given.command == "run" and given.part == "manage":
            parsed("manage", given.arguments)
        return
    if program == "manage":
        name = words[0]
        app = get_commands()[name]
        command = app if isinstance(app, BaseCommand) else load_command_class(app, name)
        command.create_parser("manage.py", name).parse_args(words[1:])
        return
    file = ROOT / (program.replace(".", "/") + ".py")
    source = file.read_text() if file.is_file() else (file.with_suffix("") / "__main__.py").read_text()
    unknown = {
        word.split("=")[0] for word in words if word.startswith("--") and f'"{word.split("=")[0]}"' not in source
    }
    assert unknown == set(), f"{program} does not know {unknown}"


@pytest.mark.parametrize("document", DOCS, ids=names)
def test_a_shown_command_works(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in shown(document):
        command = command_of(words)
        if command is None:
            continue
        try:
            parsed(*command)
        except SystemExit as end:
            assert end.code == 0, f"{' '.join(words)}: {capsys.readouterr().err}"
        except Exception as error:
            raise AssertionError(f"{' '.join(words)}: {error!r}") from error


@pytest.mark.parametrize("document", DOCS, ids=names)
def test_a_mentioned_command_is_there(document: Path) -> None:
    launcher, manage = subcommands(parser()), get_commands()
    for words in mentioned(document):
        command = command_of(words)
        if command is None or not command[1]:
            continue
        program, arguments = command
        name = arguments[0]
        if program == "aura" and not name.startswith("-"):
            assert name.rstrip(",.:") in launcher or name == "...", " ".join(words)
        elif program == "manage":
            assert name in manage or name.isupper(), " ".join(words)
        elif program.startswith("benchmarks.") and program != "benchmarks.NAME":
            assert (ROOT / (program.replace(".", "/") + ".py")).is_file(), " ".join(words)


def test_the_reader_of_commands_reads_and_refuses() -> None:
    assert command_of(shlex.split("sudo -u aura A=b /opt/aura/aura run manage bootstrap")) == (
        "aura",
        ["run", "manage", "bootstrap"],
    )
    assert command_of(shlex.split(".venv/bin/python -m benchmarks.voice --only x")) == (
        "benchmarks.voice",
        ["--only", "x"],
    )
    assert command_of(["curl", "http://127.0.0.1/v1"]) is None
    for program, words in (
        ("aura", ["upp"]),
        ("aura", ["up", "--detached"]),
        ("manage", ["verify_audits"]),
        ("manage", ["backup", "x", "--key", "y", "--zip"]),
        ("benchmarks.voice", ["--never"]),
        ("benchmarks.never", []),
    ):
        with pytest.raises((SystemExit, Exception)):
            parsed(program, words)


# Where they lead


@pytest.mark.parametrize("document", DOCS, ids=names)
def test_links_lead_somewhere(document: Path) -> None:
    for token in parse(document.read_text()):
        for child in token.children or ():
            target = str(child.attrGet("href") or "") if child.type == "link_open" else ""
            if not target or re.match(r"https?:|mailto:", target):
                continue
            path, _, anchor = unquote(target).partition("#")
            file = (document.parent / path).resolve() if path else document
            assert file.exists(), target
            if anchor:
                assert anchor in by_path()[file].rendered().anchors, target
