import hashlib
from typing import Any

import brotli
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from compression import services
from compression.codec import Library, Template, default_dictionary, default_library, patch
from compression.models import Dictionary

pytestmark = [pytest.mark.django_db, pytest.mark.urls("compression.urls")]


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(User.objects.create_user("reader"))
    return client


def test_a_library_is_served_for_ever(signed_in: Client) -> None:
    digest = default_library().hash
    response = signed_in.get(f"/api/compression/libraries/{digest}")
    assert response.status_code == 200
    assert response.content == default_library().manifest
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["ETag"] == f'"{digest}"'
    assert Library.from_manifest(response.content, digest) == default_library()


def test_who_holds_it_gets_nothing_again(signed_in: Client) -> None:
    digest = default_library().hash
    response = signed_in.get(f"/api/compression/libraries/{digest}", headers={"If-None-Match": f'"{digest}"'})
    assert response.status_code == 304
    assert response.content == b""


def test_strangers_get_nothing(client: Client) -> None:
    response = client.get(reverse("library", args=[default_library().hash]))
    assert response.status_code == 401
    assert "Cache-Control" not in response
    assert response.json()["error"]["code"] == "not_allowed"


@pytest.mark.parametrize("digest", ["0" * 64, "x", "%2e%2e", "%00", "0" * 63 + "%00"])
def test_an_unknown_hash_is_not_found(signed_in: Client, digest: str) -> None:
    response = signed_in.get(f"/api/compression/libraries/{digest}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "unknown_library"


def test_candidates_are_not_served(signed_in: Client, library: Library) -> None:
    row = services.install_library(library)
    address = reverse("library", args=[library.hash])
    assert signed_in.get(address).status_code == 404
    services.promote(row)
    assert signed_in.get(address).content == library.manifest


def test_it_can_only_be_read(signed_in: Client) -> None:
    assert signed_in.post(reverse("library", args=[default_library().hash])).status_code == 405


def test_shared_caches_may_keep_what_everybody_may_read(client: Client, settings) -> None:
    settings.COMPRESSION_PUBLIC_LIBRARIES = True
    response = client.get(reverse("library", args=[default_library().hash]))
    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in response.get("Vary", "")
    assert client.get(reverse("library", args=["0" * 64])).status_code == 404


def promoted(signed_in: Client, *libraries: Library) -> None:
    for library in libraries:
        services.promote(services.install_library(library))


def versions() -> tuple[Library, Library]:
    texts = [f"Your order number {n} has left our warehouse, dear " for n in range(40)]
    templates = [Template(128 + number, (text, f". It is of kind {number}.")) for number, text in enumerate(texts)]
    newer = [*templates[:20], *templates[21:], Template(300, ("Something else that is new, ", "."))]
    return Library(templates), Library(newer)


@pytest.mark.parametrize("coding", ["br", "identity"])
def test_who_holds_an_older_library_gets_what_is_new(signed_in: Client, coding: str) -> None:
    old, new = versions()
    promoted(signed_in, old, new)
    address = reverse("library", args=[new.hash])
    response = signed_in.get(address, {"have": old.hash}, headers={"Accept-Encoding": coding})
    assert response["Content-Type"] == "application/vnd.aura.delta"
    assert "Accept-Encoding" in response["Vary"]
    content = brotli.decompress(response.content) if coding == "br" else response.content
    assert len(content) < len(new.manifest) / 10
    assert patch(old.manifest, content, len(new.manifest)) == new.manifest
    whole = signed_in.get(address)
    assert whole.content == new.manifest
    assert whole["ETag"] != response["ETag"]


@pytest.mark.parametrize("have", ["", "x", "0" * 64])
def test_who_holds_nothing_that_is_known_gets_all(signed_in: Client, library: Library, have: str) -> None:
    promoted(signed_in, library)
    response = signed_in.get(reverse("library", args=[library.hash]), {"have": have})
    assert (response["Content-Type"], response.content) == ("application/json", library.manifest)


@pytest.mark.parametrize(
    ("accept", "coded"), [("br;q=0", False), ("br;q=0.5, identity", False), ("gzip, BR", True), ("br", True)]
)
def test_brotli_is_for_those_who_take_it_and_has_a_name_of_its_own(signed_in: Client, accept: str, coded: bool) -> None:
    for address in (
        reverse("library", args=[default_library().hash]),
        reverse("dictionary", args=[default_library().dictionary]),
    ):
        plain = signed_in.get(address)
        response = signed_in.get(address, headers={"Accept-Encoding": accept})
        assert response.get("Content-Encoding") == ("br" if coded else None)
        assert (response["ETag"] != plain["ETag"]) == coded
        again = signed_in.get(address, headers={"Accept-Encoding": accept, "If-None-Match": response["ETag"]})
        assert again.status_code == 304
        assert "Accept-Encoding" in again["Vary"]


@pytest.mark.parametrize("have", ["\0", "0" * 63 + "\0", "0" * 63 + "Z", "0" * 65])
def test_what_cannot_be_a_hash_is_not_looked_for(signed_in: Client, django_assert_num_queries: Any, have: str) -> None:
    for address, names in (
        (reverse("library", args=[default_library().hash]), ["have"]),
        (reverse("dictionary", args=[default_library().dictionary]), ["have", "library"]),
    ):
        # Session and user are looked for, nothing else.
        with django_assert_num_queries(2):
            assert signed_in.get(address, dict.fromkeys(names, have)).status_code == 200


def test_a_candidate_is_not_told_by_a_delta_either(signed_in: Client) -> None:
    old, new = versions()
    promoted(signed_in, new)
    services.install_library(old)
    response = signed_in.get(reverse("library", args=[new.hash]), {"have": old.hash})
    assert response.content == new.manifest


def test_a_dictionary_comes_as_what_is_new_beside_another_and_a_library(signed_in: Client) -> None:
    old, _ = versions()
    content = default_dictionary() + b"Learned text that is new.\0" + old.texts
    digest = hashlib.sha256(content).hexdigest()
    Dictionary.objects.create(hash=digest, content=content)
    library = Library(old.templates, digest)
    address = reverse("dictionary", args=[digest])
    assert signed_in.get(address).status_code == 404
    promoted(signed_in, library)
    response = signed_in.get(address, {"have": default_library().dictionary, "library": library.hash})
    assert response["Content-Type"] == "application/vnd.aura.delta"
    assert "Use-As-Dictionary" not in response
    assert len(response.content) < 60
    assert patch(default_dictionary() + library.texts, response.content, 1 << 20) == content
    assert signed_in.get(address).content == content
