"""The documents say what is there."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from aura_site.launcher.__main__ import parser
from streaming.protocol.codes import CloseCode, FaultCode
from tests.live import ROOT

DOCS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def page(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text()


def test_every_setting_is_described() -> None:
    source = (ROOT / "aura_site" / "settings.py").read_text()
    names = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z_]+)"', source)) | set(re.findall(r'"(AURA_[A-Z_]+)"', source))
    assert len(names) > 20
    assert {name for name in names if f"`{name}`" not in page("settings.md")} == set()


def test_every_command_is_described() -> None:
    actions = [action for action in parser()._actions if action.choices]
    text = page("commands.md")
    assert {name for name in actions[0].choices or () if f"| `{name}" not in text} == set()
    own = {
        name
        for name, app in get_commands().items()
        if app in ("aura_site", "streaming", "audit", "compression", "routing_ai")
    }
    assert own
    assert {name for name in own if f"| `{name}" not in text} == set()


def test_every_code_is_described_with_its_number() -> None:
    text = page("protocol.md")
    for code in FaultCode:
        assert f"| {int(code)} | {code.label} | {'yes' if code.retry else 'no'} |" in text
    for code in CloseCode:
        assert f"| {int(code)} | {code.name.lower()} |" in text


def test_every_path_is_described() -> None:
    text = page("endpoints.md")
    for app in ("aura_site", "streaming", "audit", "compression"):
        source = (ROOT / app / "urls.py").read_text()
        for path in re.findall(r'path\(\s*"([^"]+)"', source):
            plain = re.sub(r"<[^>]+>.*", "", path)
            assert f"/{plain}" in text or plain in ("i18n/", "favicon.ico"), path


@pytest.mark.parametrize("document", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http", "mailto:")):
            assert (document.parent / target).exists(), target
