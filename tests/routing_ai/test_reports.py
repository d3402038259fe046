"""The cost report, in the admin and as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from routing_ai import charts, reports
from routing_ai.models import ApiKey, Spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def spends():
    ada, eve = (get_user_model().objects.create_user(name) for name in ("ada", "=eve"))
    now = timezone.now()
    for user, tier, nano, best, days in (
        (ada, "nano", 1, 10**9, 0),
        (ada, "smart", 10**9, 10**9, 1),
        (eve, "nano", 2, 3, 1),
        (eve, "nano", 5, 3, 2),
    ):
        Spend.objects.create(
            user=user, tier=tier, model=f"m-{tier}", nano=nano, best_nano=best, state=Spend.SETTLED,
            created=now - timedelta(days=days), renewed=now, prompt_tokens=10, completion_tokens=5,
        )  # fmt: skip
    Spend.objects.create(user=eve, tier="nano", nano=10**12, state=Spend.RESERVED, created=now, renewed=now)


def test_the_sums_are_exact_to_the_last_digit(spends) -> None:
    first, last = reports.last_days(7)
    by_user = {row.name: row for row in reports.costs("user", first, last)}
    assert by_user["ada"].spent == Decimal("1.000000001")
    assert by_user["ada"].saved == Decimal("0.999999999")
    assert by_user["=eve"].saved == 0
    assert [row.name for row in reports.costs("tier", first, last)] == ["smart", "nano"]
    days = reports.costs("day", first, last)
    assert [row.calls for row in days] == [0, 0, 0, 0, 1, 2, 1]
    assert reports.total(days).completion_tokens == 20
    assert reports.costs("key", first, last)[0].name == "-"
    assert reports.costs("model", last, last)[0].calls == 1


def test_the_days_are_those_of_the_time_zone(settings) -> None:
    settings.TIME_ZONE = "Asia/Riyadh"
    late = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
    user = get_user_model().objects.create_user("ada")
    Spend.objects.create(user=user, tier="nano", nano=1, state=Spend.SETTLED, created=late, renewed=late)
    first, last = reports.last_days(2, late)
    assert [row.calls for row in reports.costs("day", first, last)] == [0, 1]
    assert last.isoformat() == "2026-03-29"


def test_csv_can_be_read_and_runs_nothing(spends) -> None:
    rows = list(csv.DictReader(io.StringIO(reports.as_csv("user", reports.costs("user", *reports.last_days(7))))))
    assert [row["user"] for row in rows] == ["ada", "'=eve"]
    assert Decimal(rows[0]["saved_usd"]) == Decimal("0.999999999")


def test_a_chart_is_well_formed_whatever_the_names() -> None:
    values = [Decimal(1), Decimal("0.5")]
    drawn = ElementTree.fromstring(charts.bars(['<script>"', "b&"], values, values, ("spent", "best")))
    assert len(drawn.findall(".//{*}rect")) == 4
    assert "<script>" in (drawn.find(".//{*}title").text or "")
    ElementTree.fromstring(charts.bars([], [], [], ("a", "b")))


def test_labels_are_whole_or_end_where_there_is_no_room() -> None:
    def labels(names: list[str], **more: list[str]) -> list[str | None]:
        values = [Decimal(1)] * len(names)
        drawn = ElementTree.fromstring(charts.bars(names, values, values, ("spent", "best"), **more))
        return [text.text for text in drawn.findall("{*}text")][3:]

    assert labels(["openai/genius", "m"]) == ["openai/genius", "m"]
    long = labels(["a-model-with-a-long-name"] * 10)
    assert long == ["a-model-w…"] * 10
    assert labels(["2026-03-28"], labels=["03-28"]) == ["03-28"]


@pytest.mark.parametrize("most", ["0.000000009", "9.5", "1234.5"])
def test_amounts_beside_the_bars_have_room_on_a_phone(most: str) -> None:
    drawn = ElementTree.fromstring(charts.bars(["a"], [Decimal(most)], [Decimal(0)], ("spent", "best")))
    amounts = [text for text in drawn.iter() if text.get("text-anchor") == "end"]
    assert len(amounts) == 3
    for text in amounts:
        assert float(text.get("x", "")) >= charts.LARGE * len(text.text or "")
    days = next(text for text in drawn.iter() if text.get("text-anchor") == "middle")
    assert float(amounts[0].get("y", "")) + 17 < float(days.get("y", "")) + 10


def test_keys_of_one_name_are_rows_of_their_own(spends) -> None:
    ada = get_user_model().objects.get(username="ada")
    for name, prefix, digest, nano in (("k", "aura_1", "1", 3), ("k", "aura_2", "2", 2), ("own", "aura_3", "3", 1)):
        key = ApiKey.objects.create(user=ada, name=name, prefix=prefix, digest=digest)
        spent = {"nano": nano, "state": Spend.SETTLED, "created": timezone.now(), "renewed": timezone.now()}
        Spend.objects.create(user=ada, api_key=key, tier="nano", **spent)
    assert [row.name for row in reports.costs("key", *reports.last_days(7))] == ["-", "k (aura_1)", "k (aura_2)", "own"]


@pytest.mark.parametrize("by", ["day", "key"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("end", ["first", "last"])
def test_the_ends_of_the_calendar_are_no_fault(admin_client: Client, by: str, day: str, end: str) -> None:
    assert admin_client.get(f"/admin/routing_ai/spend/report/?by={by}&{end}={day}").status_code == 200


def test_the_page_is_for_those_who_may_see_spends(spends) -> None:
    get_user_model().objects.create_superuser("root", password="x")
    get_user_model().objects.create_user("staff", password="x", is_staff=True)
    client = Client()
    client.force_login(get_user_model().objects.get(username="staff"))
    assert client.get("/admin/routing_ai/spend/report/").status_code == 403
    client.force_login(get_user_model().objects.get(username="root"))
    page = client.get("/admin/routing_ai/spend/report/?by=user&first=nonsense")
    assert page.status_code == 200
    assert "aura-chart" in page.content.decode()
    assert "0.999999999" in page.content.decode()
    assert "Cost report" in client.get("/admin/routing_ai/spend/").content.decode()
    exported = client.get("/admin/routing_ai/spend/report/?by=tier&format=csv")
    assert exported["Content-Type"].startswith("text/csv")
    assert exported.content.decode().startswith("tier,calls")
