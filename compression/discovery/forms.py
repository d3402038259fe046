"""The forms of slots: what stands in them usually, as far as many users saw it there (wire-format.md, section 4.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from compression.codec.forms import DIGIT, MAX_FORM_BYTES, MAX_FORMS, Forms, form_of
from compression.codec.library import MAX_LISTS
from compression.codec.matcher import Matcher
from compression.codec.template import Template
from compression.discovery.personal import Personal, conservative

#: The share of a slot's uses that has to have forms of another slot for both to share a list.
SHARED: Final = 0.5
#: About how many bytes a byte of a list takes in the compressed download of a library.
CARRIED: Final = 0.5
#: Different values remembered of a list.
VALUES: Final = 20_000


@dataclass(slots=True)
class _Seen:
    """How often something stood in slots, and some of the users that it was said to."""

    count: int = 0
    users: set[str] = field(default_factory=set)


class _Slots:
    """Slots that share a list of forms, and what stood in them."""

    def __init__(self) -> None:
        self.values: dict[str, _Seen] = {}

    def add(self, value: str, user: str, k: int) -> None:
        seen = self.values.get(value)
        if seen is None:
            if len(self.values) >= VALUES:
                return
            seen = self.values[value] = _Seen()
        seen.count += 1
        if len(seen.users) < k:
            seen.users.add(user)

    def join(self, other: "_Slots", k: int) -> None:
        for value, seen in other.values.items():
            mine = self.values.setdefault(value, _Seen())
            mine.count += seen.count
            mine.users.update(sorted(seen.users)[: max(0, k - len(mine.users))])

    def shares(self) -> dict[str, float]:
        """Return which share of the uses each look has: a value with its digits left out."""
        total = sum(seen.count for seen in self.values.values())
        found: dict[str, float] = {}
        for value, seen in self.values.items():
            look = form_of(value)
            found[look] = found.get(look, 0.0) + seen.count / total
        return found


def with_forms(
    templates: Iterable[Template],
    answers: Sequence[tuple[str, str]],
    *,
    k: int = 5,
    personal: Personal = conservative,
    horizon: float = 1.0,
) -> list[Template]:
    """Return the templates with forms for those slots that have usual values.

    `answers` are pairs of a user's pseudonym and a text. A form is in a list only if texts of at least `k` distinct users
    had it in these slots and `personal` finds nothing in it; digits are no part of a form unless so many users had the
    same ones. It saves more than it costs to carry when savings on `answers` count `horizon` times. Linear in the answers.
    """
    known = list(templates)
    slots = {(template.id, number): _Slots() for template in known for number in range(template.slot_count)}
    matcher = Matcher(known)
    for user, text in answers:
        match = matcher.match(text)
        for number, value in enumerate(match.slots if match is not None else ()):
            slots[match.template.id, number].add(value, user, k)  # type: ignore[union-attr]
    lists: list[_Slots] = []
    place: dict[tuple[int, int], int] = {}
    looks: list[dict[str, float]] = []
    for key, mine in sorted(slots.items(), key=lambda item: -sum(seen.count for seen in item[1].values.values())):
        if not mine.values:
            continue
        shares = mine.shares()
        alike = [sum(share for look, share in shares.items() if look in other) for other in looks]
        best = max(range(len(alike)), key=alike.__getitem__, default=None)
        if best is None or alike[best] < SHARED:
            if len(lists) == MAX_LISTS:
                continue
            best = len(lists)
            lists.append(_Slots())
            looks.append({})
        lists[best].join(mine, k)
        looks[best].update(shares)
        place[key] = best
    forms = [_forms(one, k, personal, horizon) for one in lists]
    made = []
    for template in known:
        own = tuple(
            forms[place[template.id, number]] if (template.id, number) in place else None
            for number in range(template.slot_count)
        )
        made.append(replace(template, forms=own) if any(own) else template)
    return made


def _forms(slots: _Slots, k: int, personal: Personal, horizon: float) -> Forms | None:
    """Return the forms that pay, the most frequent first: looks with digits left open, then whole values."""
    looks: dict[str, _Seen] = {}
    for value, seen in slots.values.items():
        look = form_of(value)
        if look != value and DIGIT not in value:
            mine = looks.setdefault(look, _Seen())
            mine.count += seen.count
            mine.users |= seen.users
    chosen: dict[str, int] = {}
    for look, seen in looks.items():
        # Three digits take two bytes.
        if _pays(look, seen, len(look.encode()) - 2 * look.count(DIGIT) - look.count(DIGIT) / 2, k, personal, horizon):
            chosen[look] = seen.count
    for value, seen in slots.values.items():
        size = len(value.encode())
        look = form_of(value)
        saved = look.count(DIGIT) / 2 if look in chosen else size
        if DIGIT not in value and _pays(value, seen, saved, k, personal, horizon):
            chosen[value] = seen.count
    best = sorted(chosen, key=lambda text: (-chosen[text], text))[:MAX_FORMS]
    return Forms(best) if best else None


def _pays(text: str, seen: _Seen, saved: float, k: int, personal: Personal, horizon: float) -> bool:
    size = len(text.encode("utf-8", "surrogatepass"))
    if len(seen.users) < k or not 1 <= size <= MAX_FORM_BYTES or any(personal(text)):
        return False
    return saved * seen.count * horizon > CARRIED * (size + 3)
