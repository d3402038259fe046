"""The second factor on a phone: set up, and its recovery codes made anew."""

from base64 import b32decode

import pytest
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from tests.browser.test_accessible import violations
from tests.browser.visits import SHAPES
from tests.live import LiveServer

pytestmark = pytest.mark.browser
LINK = """from django.contrib.auth import get_user_model; from aura_site import services
print(services.create_sign_in_link(get_user_model().objects.get(username="ada")))"""


def looked_at(page: Page) -> None:
    """See that nothing keeps anybody out of the page, and that it fits."""
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SHAPES["phone"][0]


def codes(page: Page) -> list[str]:
    expect(page.locator(".codes li")).to_have_count(10)
    return page.locator(".codes code").all_inner_texts()


def give(page: Page, code: str) -> None:
    page.fill("#id_code", code)
    page.press("#id_code", "Enter")


@pytest.mark.environment(AURA_MULTI_FACTOR="true")
def test_recovery_codes_are_made_anew(own_page: Page, own_server: LiveServer) -> None:
    page = own_page
    page.set_viewport_size(dict(zip(("width", "height"), SHAPES["phone"], strict=True)))
    page.goto(own_server.manage("shell", "--verbosity=0", "-c", LINK).strip())
    looked_at(page)
    secret = b32decode(page.locator(".card code").first.inner_text())
    give(page, f"{totp(secret):06d}")
    old = codes(page)
    looked_at(page)
    page.locator(".primary").click()
    page.goto("/admin/")
    looked_at(page)
    page.get_by_role("link", name="Second factor", exact=True).click()
    expect(page.locator(".card strong")).to_have_text("10")
    looked_at(page)
    page.context.add_cookies([{"name": "django_language", "value": "ar", "url": own_server.url}])
    page.reload()
    looked_at(page)
    # That of the half minute before has been used.
    give(page, f"{totp(secret, drift=1):06d}")
    new = codes(page)
    looked_at(page)
    assert not set(old) & set(new)
    page.locator(".primary").click()
    expect(page).to_have_url(f"{own_server.url}/admin/")
    page.goto("/second-factor/")
    expect(page.locator(".card strong")).to_have_text("10")
    expect(page.locator(".codes")).to_have_count(0)
