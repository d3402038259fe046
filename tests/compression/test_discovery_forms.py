"""The forms of slots: what pays is found, what few users saw is not."""

import random

from compression.codec import Library, Template, decode, encode
from compression.discovery import with_forms, worthwhile

CITIES = ("Oslo", "Lima", "Dún Laoghaire", "Quito")
ORDER = Template(128, ("Your order ", " is in ", ", dear ", "."))
VISIT = Template(129, ("We come to ", " at noon."))


def said(count: int = 800, users: int = 60) -> list[tuple[str, str]]:
    chance = random.Random(3)
    answers = []
    for _ in range(count):
        user = f"u{chance.randrange(users)}"
        name = "".join(chance.choices("abcdefghij", k=12))
        order = chance.choice(("ORD-{:07}", "#{:05}")).format(chance.randrange(10_000))
        answers.append((user, ORDER.fill([order, chance.choice(CITIES), name])))
        answers.append((user, VISIT.fill([chance.choice(CITIES)])))
    return answers


def test_usual_values_and_the_look_of_numbers_become_forms() -> None:
    order, visit = with_forms([ORDER, VISIT], said())
    numbers, cities, names = order.forms
    assert numbers is not None
    assert set(numbers.texts) == {"ORD-□□□□□□□", "#□□□□□"}
    assert cities is not None
    assert set(cities.texts) == set(CITIES)
    # Slots that hold the same share a list; a slot of names that come up once stays free text.
    assert visit.forms == (cities,)
    assert names is None
    library = Library([order, visit])
    text = ORDER.fill(["ORD-0012345", "Dún Laoghaire", "Ann"])
    data = encode(text, library, 1).data
    assert len(data) == 3 + 4 + 1 + 3
    assert decode(data, {1: library}) == text


def test_what_few_users_saw_is_in_no_form() -> None:
    chance = random.Random(8)
    answers = said()
    secrets = [f"secret {''.join(chance.choices('klmnopqrst', k=9))}" for _ in range(1_000)]
    for number, secret in enumerate(secrets):
        # Often, but to four users at most.
        answers += [(f"u{number % 50 + n % 4}", VISIT.fill([secret])) for n in range(12)]
    manifest = Library(with_forms([ORDER, VISIT], answers, k=5, horizon=100)).manifest.decode()
    assert not [secret for secret in secrets if secret in manifest]
    assert '"Oslo"' in manifest


def test_personal_data_is_in_no_form_however_many_saw_it() -> None:
    answers = [
        (f"u{n}", VISIT.fill([place])) for n in range(90) for place in ("ann@example.com", "call 5551234567", "Oslo")
    ]
    (visit,) = with_forms([VISIT], answers, horizon=100)
    assert visit.forms[0] is not None
    # Of a number only the look is left, of an address nothing.
    assert set(visit.forms[0].texts) == {"Oslo", "call □□□□□□□□□□"}


def test_a_template_that_nothing_is_said_with_stays_as_it_is() -> None:
    assert with_forms([ORDER], []) == [ORDER]
    assert with_forms([ORDER], [("u", "Something else.")])[0].forms == ()


def test_a_dictionary_is_as_long_as_it_is_worth() -> None:
    learned = "".join(f"piece number {number}\0" for number in range(64))
    assert worthwhile(learned, lambda text: -len(text)) == learned
    assert worthwhile(learned, len) == ""
    half = worthwhile(learned, lambda text: abs(len(text) - len(learned) // 2))
    assert learned.endswith(half)
    assert half.startswith("piece")
    assert 0.4 < len(half) / len(learned) < 0.6
    assert worthwhile("", len) == ""
