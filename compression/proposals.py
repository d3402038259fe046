"""What a run proposes: the templates worth carrying, judged on answers held out, and the dictionary beside them."""

import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db.models import F, QuerySet

from compression import codec, selectors
from compression.codec.model import default_dictionary
from compression.discovery import Chosen, Found, carrying_cost, choose, cover, slot_kind, with_forms, worthwhile
from compression.discovery.forms import CARRIED
from compression.discovery.masks import invented
from compression.discovery.tokens import sentences, units
from compression.examples import discreet
from compression.models import Candidate, Dictionary, DiscoveryRun, Sample, Template
from compression.samples import MAX_LENGTH
from compression.worth import Judge

#: One sample in so many is not mined but kept to judge what was found; at most so many of those are looked at.
HELD_OUT_EVERY: Final = 5
HELD_OUT: Final = 1_000
#: Answers held out by which the size of a dictionary is chosen.
JUDGED: Final = 200
#: Messages that a client gets before it fetches the next version: downloads are spread over so many.
HORIZON: Final = 1_000
#: Candidates a run proposes, and examples shown of each.
PROPOSED: Final = 500
EXAMPLES: Final = 5
#: Answers that forms and dictionaries are learned from, the newest.
LEARNED: Final = 5_000
#: Characters for each answer of those numbers, on the average: very long ones, of which there may be many when somebody
#: wants them to be, count as several. A thousand of them cut into short sentences would take minutes.
LENGTH: Final = 1_000
#: Templates judged between two signs of life.
_AT_ONCE: Final = 20

_Row = TypeVar("_Row")
#: Called now and then while something takes long; may raise to end it.
Sign = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A template that is worth carrying, with the fields that its candidate has."""

    parts: tuple[str, ...]
    level: Candidate.Level
    measured: dict[str, Any]


def held_out(limit: int = HELD_OUT) -> list[str]:
    """Return recent answers that were not mined, in random order; at most `limit`."""
    rest = Sample.objects.annotate(rest=F("id") % HELD_OUT_EVERY).filter(rest=0)
    kept = rest.order_by("-pk").values_list("pk", "text")
    found = [invented(text, pk) for pk, text in kept[: 4 * limit]]
    random.Random(len(found)).shuffle(found)
    return _within(found[:limit], limit, len)


def recent(limit: int = LEARNED) -> list[tuple[str, str]]:
    """Return recent answers with the pseudonyms of their users, the newest first; at most `limit`."""
    return _within(_pairs(Sample.objects.all(), limit), limit, lambda pair: len(pair[1]))


def _pairs(samples: QuerySet[Sample], limit: int) -> list[tuple[str, str]]:
    rows = samples.order_by("-pk").values_list("user", "pk", "text")
    return [(user, invented(text, pk)) for user, pk, text in rows[:limit] if len(text) <= MAX_LENGTH]


def _within(rows: Sequence[_Row], limit: int, size: Callable[[_Row], int]) -> list[_Row]:
    """Return the rows from the first on that have no more than `limit` times LENGTH characters together."""
    totals = accumulate(map(size, rows))
    return [row for row, total in zip(rows, totals, strict=True) if total <= limit * LENGTH]


def formed(templates: Sequence[codec.Template]) -> list[codec.Template]:
    """Return the templates with the forms of their slots, as far as recent answers have any, whole or by sentences."""
    answers = recent()
    pairs = [(user, unit) for user, text in answers for unit in units(text)]
    return with_forms(templates, pairs, k=settings.DISCOVERY_USERS, horizon=HORIZON / max(1, len(answers)))


def digest(parts: Iterable[str]) -> str:
    """Return the name of a template's text: SHA-256 of its parts, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def chosen_of(found: Sequence[Found], answers: Sequence[str]) -> list[Chosen]:
    """Return the choice among what was found; the id of a chosen template is its place in `found`.

    Answers are judged as clients get them: whole, and sentence by sentence.
    """
    templates = [codec.Template(number, one.parts) for number, one in enumerate(found)]
    pieces = [piece for text in answers for piece in sentences(text)]
    return choose(templates, [*answers, *pieces], plain_size, limit=PROPOSED)


def plain_size(text: str) -> int:
    """Return the bytes of a text's payload without templates and model: what a template has to beat for who has neither."""
    return len(codec.encode(text).data)


def proposals(found: Sequence[Found], sign: Sign) -> list[Proposal]:
    """Return what is proposed of what was found, the best first. Takes seconds; `sign` is called all the while."""
    known = {template.parts for template in selectors.active_library().templates}
    new = [one for one in found if one.parts not in known]
    answers = held_out()
    scale = HORIZON / max(1, len(answers))
    judge = Judge(answers, _model())
    chosen = chosen_of(new, answers)
    made = []
    for number, (one, template) in enumerate(zip(chosen, formed([one.template for one in chosen]), strict=True)):
        if number % _AT_ONCE == 0:
            sign()
        source = new[template.id]
        matched = [slots for text in source.examples if (slots := template.match(text)) is not None]
        measured = {
            "count": source.count,
            "users": source.users,
            "saved": round(one.saved * scale),
            "examples": discreet(template, source.examples, EXAMPLES),
            "kinds": [str(slot_kind(values)) for values in zip(*matched, strict=True)],
            **_formed_fields(template),
            **_figures(template, judge, scale),
        }
        made.append(Proposal(source.parts, Candidate.Level(source.level), measured))
    return made


def measured(template: codec.Template, examples: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a single candidate, measured by itself on answers held out. Takes a second or so.

    `examples` are some that may be shown; what the slots hold is told from answers held out where there are any.
    """
    answers = held_out()
    scale = HORIZON / max(1, len(answers))
    texts = [unit for text in answers for unit in units(text)]
    hits = [(unit, slots) for unit in texts if (slots := template.match(unit)) is not None]
    sizes = [plain_size(unit) - template.coded_size(slots) for unit, slots in hits]
    values = [slots for _, slots in hits] or [slots for text in examples if (slots := template.match(text)) is not None]
    (template,) = formed([template])
    return {
        "saved": round(sum(size for size in sizes if size > 0) * scale),
        "examples": list(dict.fromkeys(examples))[:EXAMPLES],
        "kinds": [str(slot_kind(column)) for column in zip(*values, strict=True)],
        **_formed_fields(template),
        **_figures(template, Judge(answers, _model()), scale),
    }


def seen(template: codec.Template) -> dict[str, int]:
    """Return how many of the recent texts a template makes, whole or by sentences, and how many users had one of them."""
    made = [user for user, text in recent() for unit in units(text) if template.match(unit) is not None]
    return {"count": len(made), "users": len(set(made))}


def measure_active(sign: Sign) -> None:
    """Measure the templates that are in use, so that a reviewer sees which of them still earn their place."""
    answers = held_out()
    scale = HORIZON / max(1, len(answers))
    judge = Judge(answers, _model())
    templates = selectors.active_library().templates
    for start in range(0, len(templates), _AT_ONCE):
        sign()
        figures = {one.id: _figures(one, judge, scale) for one in templates[start : start + _AT_ONCE]}
        rows = list(Template.objects.filter(pk__in=figures))
        for row in rows:
            for name, value in figures[row.pk].items():
                setattr(row, name, value)
        Template.objects.bulk_update(rows, ["worth", "hits", "used", "gain", "micros", "micros_without"])


def dictionary(run: DiscoveryRun, proposed: Sequence[Proposal], sign: Sign) -> Dictionary | None:
    """Return a dictionary for the model codec: the general one, then what was learned; None when nothing was."""
    if settings.DISCOVERY_DICTIONARY <= 0:
        return None
    answers = _pairs(Sample.objects.filter(pk__range=(run.first, run.last)), LEARNED)
    library = _presumed(proposed)
    rest = [(user, text) for user, text in answers if library.match(text) is None]
    most = cover(rest, settings.DISCOVERY_DICTIONARY, k=settings.DISCOVERY_USERS)
    judged = held_out(JUDGED)

    def cost(learned: str) -> float:
        sign()
        model = codec.Model(default_dictionary() + learned.encode() + library.texts)
        coded = sum(len(codec.encode(text, library, 1, model).data) for text in judged)
        return HORIZON * coded / max(1, len(judged)) + len(zlib.compress(learned.encode(), 9))

    learned = worthwhile(most, cost) if most else ""
    if not learned:
        return None
    content = default_dictionary() + learned.encode()
    name = hashlib.sha256(content).hexdigest()
    return Dictionary.objects.get_or_create(hash=name, defaults={"content": content})[0]


def store(run: DiscoveryRun, proposed: Sequence[Proposal]) -> int:
    """Keep what a run proposes as candidates; return how many are new. Those that wait already are measured anew.

    For inside a transaction: with SQLite everybody waits for it, so it is a handful of statements.
    """
    made = {
        digest(one.parts): Candidate(
            digest=digest(one.parts), parts=list(one.parts), level=one.level, run=run, **one.measured
        )
        for one in proposed
    }
    known = {row.digest: row for row in Candidate.objects.filter(digest__in=made)}
    waiting = [row for row in known.values() if row.status == Candidate.Status.WAITING]
    names = ["run", *(proposed[0].measured if proposed else ())]
    for row in waiting:
        for name in names:
            setattr(row, name, getattr(made[row.digest], name))
    if waiting:
        Candidate.objects.bulk_update(waiting, names, batch_size=100)
    new = [row for name, row in made.items() if name not in known]
    Candidate.objects.bulk_create(new, batch_size=100, ignore_conflicts=True)
    return len(new)


def _model() -> codec.Model | None:
    """Return the model that clients of the active library have."""
    name = selectors.active_library().dictionary
    return selectors.model_by_hash(name) if name else None


def _carried(template: codec.Template) -> float:
    """Return the bytes that a template and its forms add to a download; a list that slots share counts for each."""
    lists = {forms for forms in template.forms if forms is not None}
    return carrying_cost(template) + CARRIED * sum(len(text.encode()) + 3 for forms in lists for text in forms.texts)


def _formed_fields(template: codec.Template) -> dict[str, Any]:
    forms = [list(one.texts) if one is not None else None for one in template.forms]
    return {"forms": forms, "carrying": round(_carried(template))}


def _figures(template: codec.Template, judge: Judge, scale: float) -> dict[str, Any]:
    figures, carrying = judge.judge(template), _carried(template)
    return {
        "worth": figures.worth(carrying, scale),
        "hits": round(figures.hits * scale),
        "used": round(figures.used * scale),
        "gain": round(figures.saved * scale - carrying),
        "micros": round(figures.micros, 1),
        "micros_without": round(figures.micros_without, 1),
    }


def _presumed(proposed: Sequence[Proposal]) -> codec.Library:
    """Return the library that would be, were all that a run proposes accepted."""
    active = selectors.active_library()
    decided = Candidate.objects.filter(digest__in=[digest(one.parts) for one in proposed])
    refused = set(decided.filter(status=Candidate.Status.REJECTED).values_list("digest", flat=True))
    new = [one.parts for one in proposed if digest(one.parts) not in refused]
    first = max((template.id for template in active.templates), default=0) + 1
    return codec.Library([*active.templates, *(codec.Template(first + n, parts) for n, parts in enumerate(new))])
