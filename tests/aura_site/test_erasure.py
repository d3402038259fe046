"""An erased user leaves nothing on the site either."""

import pytest
from django.test import Client

from audit import erasure, selectors
from aura_site.services import create_sign_in_link
from compression.models import Sample
from compression.samples import pseudonym
from routing_ai import services as routing
from routing_ai.models import ApiKey
from tests.audit.scenario import converse, user_named


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("keep", [True, False])
def test_sessions_keys_and_links_go_with_the_account(keep: bool) -> None:
    converse("ada", "One", "Two")
    user = user_named("ada")
    routing.create_key(user, "laptop")
    create_sign_in_link(user)
    client, other = Client(), Client()
    client.force_login(user)
    other.force_login(user_named("eve"))
    Sample.objects.create(user=pseudonym(user.pk), text="Two")
    Sample.objects.create(user=pseudonym(0), text="Another's")
    subject = selectors.subject_named("ada")
    assert subject is not None
    erasure.erase_subject(subject, by="officer", reason="asked for", keep_account=keep)
    assert [sample.text for sample in Sample.objects.all()] == ["Another's"]
    assert ApiKey.objects.filter(user=user).exists() is keep
    assert (client.get("/api/v1/conversations").status_code == 200) is keep
    assert other.get("/api/v1/conversations").status_code == 200
