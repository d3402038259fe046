"""Personal data: found by form and check digits, in linear time, and taken out."""

import itertools
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.records import personal
from audit.records.personal import KINDS, Finding, find, redact

FOUND = [
    ("Write to ada.lovelace+x@mail.example.org please", "email"),
    ("my card is 4111 1111 1111 1111, thanks", "card"),
    ("5500-0000-0000-0004", "card"),
    ("pay to DE89 3704 0044 0532 0130 00 today", "iban"),
    ("GB82WEST12345698765432", "iban"),
    ("call +44 20 7946 0958 after six", "phone"),
    ("my mobile is 07700900123", "phone"),
    ("(212) 555-0143", "phone"),
    ("اتصل بي على 0551234567", "phone"),
    ("my SSN is 536-22-8726", "id"),
    ("DNI 54362315K", "id"),
    ("codice fiscale RCCMNL83S18D969H", "id"),
    ("my NHS number is 943 476 5919", "id"),
    ("from 192.168.17.4 it came", "ip"),
    ("2001:db8::8a2e:370:7334 is the host", "ip"),
    ("key sk-abcdefghijklmnopqrstuvwx", "secret"),
]
CLEAN = [
    "In 2024 there were 1,234,567 of them.",
    "The order 4111 1111 1111 1112 is no card",
    "version 1.2.3.4.5 and 999.1.1.1",
    "on 2024-11-21 at 10:30:00",
    "from 21-11-2024 to 2025",
    "pi is 3.14159265358979323846",
    "1111 1111 1111 1111",
    "see RFC 6962, section 2.1.3.2",
    "a @ b and @ada said hi",
    "the ratio was 16:9:4",
    "std::vector<int>",
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_it_is_found(text: str, kind: str) -> None:
    assert [finding.kind for finding in find(text)] == [kind]
    assert f"[{kind}]" in redact(text)
    assert find(redact(text)) == []


@pytest.mark.parametrize("text", CLEAN)
def test_it_is_none(text: str) -> None:
    assert find(text) == []
    assert redact(text) == text


def test_several_in_one_text_are_taken_out_each_by_its_kind() -> None:
    text = "I am ada@example.org, card 4111111111111111, at 10.1.2.3."
    assert redact(text) == "I am [email], card [card], at [ip]."


def test_a_further_finder_adds_its_own_and_yields_to_the_others() -> None:
    def names(text: str) -> list[Finding]:
        return [Finding(0, 3, "name"), Finding(5, 12, "name")]

    assert redact("Ada, a@b.org", find("Ada, a@b.org", further=[names])) == "[name], [email]"


@given(st.text(max_size=200))
def test_any_text_may_come(text: str) -> None:
    found = find(text)
    assert all(0 <= one.start < one.end <= len(text) and one.kind in KINDS for one in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    "piece", ["1 ", "a@", "1.1.", "DE89 ", "ID 12345678 ", "tel 12345678 ", "aA1 ", "1" * 19 + " "]
)
def test_a_long_hostile_text_comes_to_an_end(piece: str) -> None:
    assert len(redact(piece * 20_000)) > 0


def test_numbers_by_chance_are_mostly_left_alone() -> None:
    chance = random.Random(11)
    texts = ["order " + "".join(chance.choices(string.digits, k=chance.choice([6, 7, 9]))) for _ in range(300)]
    assert sum(bool(find(text)) for text in texts) == 0


@given(st.text(st.sampled_from("0123456789٣ABCXGBDE@.:-()+ \nsk"), max_size=60))
def test_what_is_passed_over_for_speed_would_have_found_nothing(text: str) -> None:
    assert find(text) == find(text, further=personal._FINDERS)
