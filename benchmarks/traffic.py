# ruff: noqa: SIM905
"""Generated answers of a support desk: templates used by Zipf's law, slots of several words, noise. No data needed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_STEMS = (
    "account address answer balance branch cancel card change check city claim code contact contract copy courier customer "
    "date delay deliver detail device discount door email error exchange fee form friday gift guide help hour invoice item "
    "letter limit line list mail manual market meter mobile monday month move network night notice number offer office "
    "open order package page parcel part password pay phone plan portal post price printer product profile question quick "
    "receipt record refund remind repair report request reset return review room route saturday screen season section "
    "select send service ship shop sign size state station status step stock store street sunday support switch team "
    "ticket time today tomorrow track transfer update upgrade vehicle visit voucher warehouse warranty website week window"
).split()
_GLUE = (
    "the a our your this that any each for with from into about after before until while and or but as if when".split()
)
_NAMES = (
    "Ada Wei Maria Kofi Ali Jo Ingrid Yuki Tomas Leila Omar Nina Pavel Chidi Rosa Sven Amina Luis Petra Hassan".split()
)
_FAMILIES = "Chen Silva Haddad Larsen Novak Okafor Rossi Smith Patel Garcia Kim Nguyen Brown Muller Tanaka".split()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, its user, and the number of the template it was made from, -1 for one that was improvised.

    `changed` is whether words of it were changed, so that its template does not make it.
    """

    user: str
    text: str
    template: int
    changed: bool = False


class Desk:
    """Answers of `templates` templates. `noise` is the share with a few words changed, `improvised` of one-off answers."""

    def __init__(self, templates: int = 400, *, noise: float = 0.0, improvised: float = 0.0, seed: int = 1) -> None:
        self._chance = chance = random.Random(seed)
        self._vocabulary = [stem + end for stem in _STEMS for end in ("", "s", "ing", "ed", "er")]
        #: Fixed texts, and functions that fill the slots.
        self.templates = [self._template() for _ in range(templates)]
        self._weights = [1 / (rank + 1) ** 0.9 for rank in range(templates)]
        self._noise, self._improvised = noise, improvised
        chance.shuffle(self.templates)

    def answers(self, count: int, users: int = 0) -> Iterator[Answer]:
        """Yield answers, to `users` different users, one to every four answers unless said."""
        users = users or max(8, count // 4)
        for number in self._chance.choices(range(len(self.templates)), self._weights, k=count):
            user = f"u{self._chance.randrange(users)}"
            if self._chance.random() < self._improvised:
                yield Answer(user, " ".join(self._sentence() for _ in range(self._chance.randint(2, 6))), -1)
                continue
            text = "".join(part if isinstance(part, str) else part() for part in self.templates[number])
            changed = self._chance.random() < self._noise
            yield Answer(user, self._disturbed(text) if changed else text, number, changed)

    def _template(self) -> list[str | Callable[[], str]]:
        chance = self._chance
        slots = [self._name, self._number, self._product, self._date]
        parts: list[str | Callable[[], str]] = [chance.choice(("Dear ", "Hello ", "Hi ")), self._name, ", "]
        for _ in range(chance.randint(2, 7)):
            words = self._sentence().split()
            if chance.random() < 0.5:
                place = chance.randint(2, len(words) - 1)
                parts += [" ".join(words[:place]) + " ", chance.choice(slots), " " + " ".join(words[place:]) + " "]
            else:
                parts.append(" ".join(words) + " ")
        parts.append(chance.choice(("Kind regards, your team.", "We are glad to help you further.", "Thank you!")))
        return parts

    def _sentence(self) -> str:
        chance = self._chance
        count = chance.randint(6, 16)
        words = [chance.choice(self._vocabulary if chance.random() < 0.6 else _GLUE) for _ in range(count)]
        return " ".join(words).capitalize() + "."

    def _disturbed(self, text: str) -> str:
        words = text.split(" ")
        for _ in range(self._chance.randint(1, 3)):
            words[self._chance.randrange(len(words))] = self._chance.choice(self._vocabulary)
        return " ".join(words)

    def _name(self) -> str:
        chance = self._chance
        return chance.choice(_NAMES) + (f" {chance.choice(_FAMILIES)}" if chance.random() < 0.5 else "")

    def _number(self) -> str:
        return f"{self._chance.choice(('ORD-', '#', 'INV-2026-', ''))}{self._chance.randrange(10**6, 10**9)}"

    def _product(self) -> str:
        return " ".join(self._chance.choices(_STEMS, k=self._chance.randint(1, 4)))

    def _date(self) -> str:
        return f"{self._chance.randint(1, 28)}.{self._chance.randint(1, 12)}.2026"
