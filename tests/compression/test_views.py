import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from compression import services
from compression.codec import Library, default_library

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


@pytest.mark.parametrize("digest", ["0" * 64, "x", "%2e%2e"])
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
