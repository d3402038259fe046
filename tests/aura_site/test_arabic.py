"""No page of the admin says in English what AURA or Django say: its lists, its forms, and what is wrong with them."""

import json
import re
from collections.abc import Iterator
from html import escape, unescape

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import translation
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import Entry
from aura_site.admin import PermissionsField
from compression.models import Template
from tests.audit.scenario import user_named

pytestmark = pytest.mark.django_db(transaction=True)
# What is data, or says how it is written.
APART = re.compile(r"(?s)<(script|style|code|pre|svg|bdi)\b.*?</\1>|<td class=\"action-checkbox\".*?</td>")
SAID = re.compile(r'(?:title|aria-label|placeholder|alt)="([^"]*)"')
NAMES = {
    "AURA", "English", "root", "aura", "CSV", "UTC", "auditor", "operator", "privacy officer", "reviewer", "nano",
    "fast", "smart", "genius", "chat", "models", "brotli", "raw", "template",
}  # fmt: skip
LONG = "x" * 5000
SENSELESS = ("", LONG, "-1", '{"', "9" * 30, "1.23456789012345")


def english(html: str) -> Iterator[str]:
    """Yield what is said in English: texts without an Arabic letter that are no names, and two words of English in a row."""
    html = APART.sub("", html)
    for text in (*re.split(r"<[^>]*>", html), *SAID.findall(html)):
        words = re.sub(r"\s+", " ", unescape(text)).strip(" :›·-").replace(LONG, "")
        plain = not re.search(r"[\u0600-\u06ff]", words) or re.search(r"[A-Za-z]{2,} [a-z]{3,}", words)
        if re.search(r"[A-Za-z]{2}", words) and words not in NAMES and plain:
            yield words[:100]


@pytest.fixture
def client() -> Client:
    made = Client(raise_request_exception=False)
    made.force_login(user_named("root", is_staff=True, is_superuser=True))
    made.cookies["django_language"] = "ar"
    return made


def lists() -> list[str]:
    return [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]


def test_what_is_looked_for_is_found() -> None:
    found = "<p>محادثة</p><p>Step:</p><p title='x'>كلمة must contain at least</p><bdi>Hello you there</bdi><b>AURA</b>"
    assert list(english(found)) == ["Step", "كلمة must contain at least"]


def test_lists_and_forms_speak_arabic(client: Client) -> None:
    found = {}
    for path in lists():
        for page in (path, f"{path}add/"):
            answered = client.get(page)
            if answered.status_code == 200:
                # Hashes of libraries and beginnings of templates are data.
                said = [one for one in english(answered.content.decode()) if not re.fullmatch(r"[0-9a-f]{12}", one)]
                found[page] = [one for one in said if "compression/template" not in path]
    assert len(found) > 30
    assert {page: said for page, said in found.items() if said} == {}


def test_what_is_wrong_with_a_form_is_said_in_arabic(client: Client) -> None:
    found: dict[str, list[str]] = {}
    forms = 0
    for path in lists():
        shown = client.get(f"{path}add/")
        if shown.status_code != 200 or "adminform" not in shown.context:
            continue
        forms += 1
        names = list(shown.context["adminform"].form.fields)
        for value in SENSELESS:
            sent = dict.fromkeys(names, value)
            for inline in shown.context["inline_admin_formsets"]:
                prefix = inline.formset.prefix
                sent |= {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": "0", f"{prefix}-0-token": value}
            answered = client.post(f"{path}add/", sent)
            assert answered.status_code in (200, 302, 400), (path, value)
            found.setdefault(path, []).extend(english(answered.content.decode()))
    assert forms > 10
    assert {path: said for path, said in found.items() if said} == {}


def test_passwords_are_refused_in_arabic(client: Client) -> None:
    sent = {"username": "eve", "usable_password": "true", "password1": "abc", "password2": "abc"}
    said = client.post("/admin/auth/user/add/", sent).content.decode()
    assert "كلمة المرور هذه قصيرة جدًا. يجب ألا تقل عن 12 حرفًا." in said


def test_a_key_that_is_none_is_refused_without_its_bytes(client: Client) -> None:
    form = client.get("/admin/otp_totp/totpdevice/add/").context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields} | {"user": "1", "name": "phone", "key": "xyz"}
    assert "في المفتاح عدد زوجي" in client.post("/admin/otp_totp/totpdevice/add/", sent).content.decode()
    assert not TOTPDevice.objects.exists()


def test_permissions_are_named_in_the_readers_language() -> None:
    field = PermissionsField(Permission.objects.select_related("content_type"))
    for permission in field.queryset:
        assert (
            field.label_from_instance(permission).split(" | ")[2] == permission.name or "_" not in permission.codename
        )
    with translation.override("ar"):
        labels = [field.label_from_instance(permission) for permission in field.queryset]
    assert len(labels) > 100
    assert [label for label in labels if re.search("[A-Za-z]", label.replace("AURA", "").replace("API", ""))] == []


def test_the_scripts_of_the_admin_speak_arabic(client: Client) -> None:
    script = client.get("/admin/jsi18n/").content.decode()
    found = re.search(r"const newcatalog = (\{.*?\});\n", script, re.DOTALL)
    assert found is not None
    catalog = json.loads(found[1])
    lacking = ("Choose all %s", "Remove all %s", "(click to clear)", "Sunday", "Choose selected %s", "Thur")
    assert [text for text in lacking if not re.search("[\u0600-\u06ff]", str(catalog.get(text, "")))] == []
    # Django's own are there still.
    assert catalog["Filter"] == "تصفية"


def test_signs_and_names_keep_their_direction(client: Client) -> None:
    client.get("/admin/audit/conversation/")
    client.post("/admin/audit/conversation/purpose/", {"why": "review", "next": "/admin/"})
    look = Entry.objects.filter(kind="access").earliest("seq")
    page = client.get(f"/admin/audit/entry/{look.pk}/change/").content.decode()
    assert '<bdi dir="ltr">-1</bdi>' in page
    template = Template.objects.order_by("pk").first()
    assert template is not None
    page = client.get(f"/admin/compression/template/{template.pk}/change/").content.decode()
    # In the way there, and above the page.
    assert page.count(f"<bdi>{escape(str(template))}") == 2
