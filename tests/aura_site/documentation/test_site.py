"""The documentation as it is served, and as files."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from aura_site.documentation.pages import pages


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "out"
    call_command("builddocs", str(folder))
    return folder


def test_the_start_is_in_the_language_of_the_reader(client: Client) -> None:
    assert client.get("/docs/")["Location"] == "/docs/en/"
    assert client.get("/docs/", headers={"Accept-Language": "ar"})["Location"] == "/docs/ar/"


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_a_page_is_in_the_language_of_its_address(client: Client, language: str, direction: str) -> None:
    response = client.get(f"/docs/{language}/", headers={"Accept-Language": "en" if language == "ar" else "ar"})
    assert response["Content-Language"] == language
    text = response.content.decode()
    assert f'<html lang="{language}" dir="{direction}">' in text
    assert "csrf" not in text


def test_pages_are_for_everybody_and_for_shared_caches(client: Client) -> None:
    response = client.get("/docs/en/how-to/chat.html")
    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=60"
    assert "Cookie" not in response.get("Vary", "")
    again = client.get("/docs/en/how-to/chat.html", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert "script-src 'self' 'wasm-unsafe-eval'" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["de/", "en/nothing.html", "en/../settings.html", "en/how-to/%2e%2e/readme.html", "fr/search.json", "en/how-to/"],
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.get(f"/docs/{path}").status_code == 404


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/docs/en/").status_code == 405


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_search_leads_to_sections_that_are_there(client: Client, language: str) -> None:
    sections = json.loads(client.get(f"/docs/{language}/search.json").content)
    assert len(sections) > 50
    for _, title, address, _ in sections:
        name, _, anchor = address.partition("#")
        page = pages()[language, name.removesuffix(".html")]
        assert title
        assert not anchor or anchor in page.rendered().anchors


def test_every_link_of_the_files_leads_to_a_file_and_nothing_to_the_outside(built: Path) -> None:
    found = sorted(built.rglob("*.html"))
    assert len(found) == len(pages()) + 1
    for file in found:
        text = file.read_text()
        for attribute, target in re.findall(r'\b(href|src|data-index)="([^"]*)"', text):
            if re.match(r"https?:", target):
                # People may go elsewhere; a page fetches nothing from there.
                assert attribute == "href", target
                assert f'<link rel="stylesheet" href="{target}"' not in text
                continue
            path, _, anchor = unquote(target).partition("#")
            reached = (file.parent / path).resolve() if path else file
            assert reached.is_file(), f"{file}: {target}"
            if anchor and reached.suffix == ".html":
                assert f'id="{anchor}"' in reached.read_text(), f"{file}: {target}"


def test_a_page_of_the_files_has_a_policy_and_no_way_to_a_server(built: Path) -> None:
    text = (built / "en" / "how-to" / "chat.html").read_text()
    assert 'http-equiv="Content-Security-Policy"' in text
    assert 'href="/' not in text
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert " style=" not in text


def test_the_files_do_not_go_over_others(built: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not empty"):
        call_command("builddocs", str(built))
