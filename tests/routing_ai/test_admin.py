"""Models of the tiers in the admin: a provider that nobody can ask is refused, in words that say which there are. Keys."""

import pytest
from django.test import Client

from routing_ai.models import ApiKey, TierModel
from routing_ai.services import create_key
from tests.audit.scenario import user_named

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/routing_ai/tiermodel/add/"
ROW = {"tier": "fast", "position": "0", "model": "fine", "active": "on"}


@pytest.fixture
def client(settings) -> Client:
    settings.ALLOW_MOCK_LLM = False
    settings.OPENROUTER_API_KEY = settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    settings.AURA_ENDPOINTS = {"spare": "http://127.0.0.1:9/v1"}
    made = Client()
    made.force_login(user_named("root", is_staff=True, is_superuser=True))
    return made


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "opnai is no provider here. There are: embedded, spare."),
        ("ar", "لا يوجد هنا مزوّد باسم opnai. المتاح: embedded, spare."),
    ],
)
def test_an_unknown_provider_is_refused(client: Client, language: str, words: str) -> None:
    client.cookies["django_language"] = language
    answered = client.post(ADD, {**ROW, "provider": "opnai"})
    assert answered.status_code == 200
    assert words in answered.content.decode()
    assert not TierModel.objects.exists()


def test_a_configured_one_is_taken(client: Client) -> None:
    assert client.post(ADD, {**ROW, "provider": "spare"}).status_code == 302
    assert TierModel.objects.get().provider == "spare"


def test_a_model_whose_provider_is_gone_can_be_switched_off(client: Client) -> None:
    row = TierModel.objects.create(tier="fast", provider="gone", model="fine")
    off = {name: value for name, value in ROW.items() if name != "active"}
    assert client.post(f"/admin/routing_ai/tiermodel/{row.pk}/change/", {**off, "provider": "gone"}).status_code == 302
    assert not TierModel.objects.get().active


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Keys that were revoked: 2"), ("ar", "عدد المفاتيح التي أُلغيت: 2")]
)
def test_who_revokes_keys_is_told_how_many(client: Client, language: str, words: str) -> None:
    user = user_named("ada")
    for name in ("one", "two"):
        create_key(user, name)
    keys = [key.pk for key in ApiKey.objects.all()]
    client.cookies["django_language"] = language
    address = "/admin/routing_ai/apikey/"
    told = client.post(address, {"action": "revoke", "_selected_action": keys}, follow=True).content.decode()
    assert words in told
    assert not ApiKey.objects.filter(revoked=None).exists()
