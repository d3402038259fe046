"""Runs of discovery: begun once at a time, resumed after a crash, cancelled, and what they propose."""

import hashlib
import json
import logging
import random
import secrets
import zlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from compression import codec, selectors
from compression.codec.model import default_dictionary
from compression.discovery import Chosen, Found, Level, Miner, carrying_cost, choose, cover, slot_kind, worthwhile
from compression.discovery.tokens import sentences
from compression.models import Candidate, Dictionary, DiscoveryRun, Sample
from compression.samples import MAX_LENGTH

log = logging.getLogger(__name__)

Status = DiscoveryRun.Status

#: Samples mined between two signs of life.
BATCH: Final = 500
#: A run without a sign of life for so long has lost its worker.
SILENT: Final = timedelta(seconds=90)
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


class RunLost(Exception):
    """The run was cancelled, or belongs to another worker by now."""


def due() -> bool:
    """Return whether enough samples came since the last run, or a run has lost its worker."""
    last = DiscoveryRun.objects.order_by("-pk").first()
    if last is not None and last.status == Status.RUNNING:
        return timezone.now() - last.beat > SILENT
    new = Sample.objects.filter(pk__gt=last.last if last is not None else 0)[: settings.DISCOVERY_EVERY]
    return new.count() >= settings.DISCOVERY_EVERY


def begin(trigger: str = DiscoveryRun.Trigger.SAMPLES) -> DiscoveryRun | None:
    """Return a run that is now this worker's: one that lost its worker, or a new one.

    None while another worker is at it, or without samples. The database decides who comes first.
    """
    owner = secrets.token_hex(16)
    running = DiscoveryRun.objects.filter(status=Status.RUNNING).first()
    if running is not None:
        silent = DiscoveryRun.objects.filter(
            pk=running.pk, owner=running.owner, status=Status.RUNNING, beat__lt=timezone.now() - SILENT
        )
        taken = silent.update(owner=owner, beat=timezone.now())
        return DiscoveryRun.objects.get(pk=running.pk) if taken else None
    bounds = Sample.objects.aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return None
    total = Sample.objects.filter(pk__range=(bounds["first"], bounds["last"])).count()
    try:
        with transaction.atomic():
            return DiscoveryRun.objects.create(
                trigger=trigger, owner=owner, total=total, position=bounds["first"] - 1, **bounds
            )
    except IntegrityError:
        return None


def carry_out(run: DiscoveryRun) -> DiscoveryRun:
    """Mine the samples of a run, go on where it stopped, and store what it proposes. Returns the run as it ended.

    Takes seconds to minutes; never call it in an event loop.
    """
    try:
        miner = _mine(run)
        proposed = _propose(run, miner)
        dictionary = _dictionary(run)
    except RunLost:
        cancelled = DiscoveryRun.objects.filter(pk=run.pk, owner=run.owner, status=Status.RUNNING, cancel_asked=True)
        cancelled.update(status=Status.CANCELLED, finished=timezone.now(), state=None)
    except Exception as error:
        log.exception("Discovery run %s failed", run.pk)
        message = f"{type(error).__name__}: see the worker's log."
        _own(run).update(status=Status.FAILED, finished=timezone.now(), state=None, error=message)
    else:
        changed = {"found": len(miner.found()), "proposed": proposed, "dictionary": dictionary}
        _own(run).update(status=Status.DONE, finished=timezone.now(), state=None, done=run.total, **changed)
    run.refresh_from_db()
    return run


def cancel(run: DiscoveryRun) -> bool:
    """Ask a run to stop; return whether it was running. It stops within a batch, at once when its worker is gone."""
    asked = DiscoveryRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(cancel_asked=True)
    DiscoveryRun.objects.filter(pk=run.pk, status=Status.RUNNING, beat__lt=timezone.now() - SILENT).update(
        status=Status.CANCELLED, finished=timezone.now(), state=None
    )
    return bool(asked)


def held_out(limit: int = HELD_OUT) -> list[str]:
    """Return recent answers that were not mined, in random order; at most `limit`."""
    rest = Sample.objects.annotate(rest=F("id") % HELD_OUT_EVERY).filter(rest=0)
    kept = rest.order_by("-pk").values_list("text", flat=True)
    found = list(kept[: 4 * limit])
    random.Random(len(found)).shuffle(found)
    return found[:limit]


def recent(limit: int = 5_000) -> list[tuple[str, str]]:
    """Return recent answers with the pseudonyms of their users, the newest first; at most `limit`."""
    rows = Sample.objects.order_by("-pk").values_list("user", "text")
    return [(user, text) for user, text in rows[:limit] if len(text) <= MAX_LENGTH]


def plain_size(text: str) -> int:
    """Return the bytes of a text's payload without templates: what a template has to beat."""
    return len(codec.encode(text).data)


def _own(run: DiscoveryRun) -> Any:
    return DiscoveryRun.objects.filter(pk=run.pk, owner=run.owner, status=Status.RUNNING)


def _sign(run: DiscoveryRun, **changed: Any) -> None:
    """Give a sign of life. Raises RunLost."""
    if not _own(run).filter(cancel_asked=False).update(beat=timezone.now(), **changed):
        raise RunLost


def _mine(run: DiscoveryRun) -> Miner:
    miner, position, done = Miner(settings.DISCOVERY_USERS), run.first - 1, 0
    if run.state:
        try:
            miner, position, done = Miner.from_state(bytes(run.state)), run.position, run.done
        except ValueError:
            # Another version of AURA began it, or the state is damaged.
            log.warning("Discovery run %s begins anew: its state cannot be read", run.pk)
    _sign(run)
    while True:
        rows = list(Sample.objects.filter(pk__gt=position, pk__lte=run.last).order_by("pk")[:BATCH])
        if not rows:
            break
        miner.add([(row.user, row.text) for row in rows if row.pk % HELD_OUT_EVERY])
        position, done = rows[-1].pk, done + len(rows)
        _sign(run, position=position, done=done, state=miner.state())
    miner.finish()
    _sign(run)
    return miner


def _propose(run: DiscoveryRun, miner: Miner) -> int:
    """Store the templates worth carrying as candidates; return how many are new."""
    known = {template.parts for template in selectors.active_library().templates}
    found = [one for one in miner.found() if one.parts not in known]
    answers = held_out()
    chosen = chosen_of(found, answers)
    _sign(run)
    scale = HORIZON / max(1, len(answers))
    with transaction.atomic():
        if not _own(run).select_for_update().exists():
            raise RunLost
        return sum(_store(run, found[one.template.id], one, scale) for one in chosen)


def chosen_of(found: Sequence[Found], answers: Sequence[str]) -> list[Chosen]:
    """Return the choice among what was found; the id of a chosen template is its place in `found`.

    Answers are judged as clients get them: whole, and sentence by sentence.
    """
    templates = [codec.Template(number, one.parts) for number, one in enumerate(found)]
    units: list[str] = list(answers)
    units += [piece for text in answers for piece in sentences(text)]
    return choose(templates, units, plain_size, limit=PROPOSED)


def measured(template: codec.Template) -> dict[str, int]:
    """Return the figures of a candidate, measured by itself on answers held out."""
    answers = held_out()
    units = [unit for text in answers for unit in dict.fromkeys((text, *sentences(text)))]
    sizes = [
        plain_size(unit) - template.coded_size(slots) for unit in units if (slots := template.match(unit)) is not None
    ]
    scale = HORIZON / max(1, len(answers))
    saved = sum(size for size in sizes if size > 0)
    return {
        "hits": round(len(sizes) * scale),
        "saved": round(saved * scale),
        "carrying": round(carrying_cost(template)),
    }


def _store(run: DiscoveryRun, found: Found, chosen: Chosen, scale: float) -> bool:
    template = chosen.template
    matched = [slots for text in found.examples if (slots := template.match(text)) is not None]
    measured = {
        "run": run,
        "count": found.count,
        "users": found.users,
        "hits": round(chosen.hits * scale),
        "saved": round(chosen.saved * scale),
        "carrying": round(chosen.carrying),
        "examples": list(found.examples[:EXAMPLES]),
        "kinds": [str(slot_kind(values)) for values in zip(*matched, strict=True)],
    }
    level = Candidate.Level(found.level)
    row, new = Candidate.objects.get_or_create(
        digest=digest(found.parts), defaults={"parts": list(found.parts), "level": level, **measured}
    )
    if not new and row.status == Candidate.Status.WAITING:
        Candidate.objects.filter(pk=row.pk).update(**measured)
    return new


def digest(parts: Iterable[str]) -> str:
    """Return the name of a template's text: SHA-256 of its parts, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def _dictionary(run: DiscoveryRun) -> Dictionary | None:
    """Return a dictionary for the model codec: the general one, then what was learned; None when nothing was."""
    if settings.DISCOVERY_DICTIONARY <= 0:
        return None
    rows = Sample.objects.filter(pk__range=(run.first, run.last)).values_list("user", "text").order_by("-pk")
    answers = [(user, text) for user, text in rows[:5_000] if len(text) <= MAX_LENGTH]
    library = _presumed(run)
    rest = [(user, text) for user, text in answers if library.match(text) is None]
    most = cover(rest, settings.DISCOVERY_DICTIONARY, k=settings.DISCOVERY_USERS)
    judged = held_out(JUDGED)

    def cost(learned: str) -> float:
        _sign(run)
        model = codec.Model(default_dictionary() + learned.encode() + library.texts)
        coded = sum(len(codec.encode(text, library, 1, model).data) for text in judged)
        return HORIZON * coded / max(1, len(judged)) + len(zlib.compress(learned.encode(), 9))

    learned = worthwhile(most, cost) if most else ""
    if not learned:
        return None
    content = default_dictionary() + learned.encode()
    name = hashlib.sha256(content).hexdigest()
    return Dictionary.objects.get_or_create(hash=name, defaults={"content": content})[0]


def _presumed(run: DiscoveryRun) -> codec.Library:
    """Return the library that would be, were all that a run proposes accepted."""
    active = selectors.active_library()
    proposed = Candidate.objects.filter(run=run, status=Candidate.Status.WAITING).values_list("parts", flat=True)
    known = {template.parts for template in active.templates}
    new = [parts for entry in proposed if (parts := tuple(entry)) not in known]
    first = max((template.id for template in active.templates), default=0) + 1
    return codec.Library([*active.templates, *(codec.Template(first + n, parts) for n, parts in enumerate(new))])


assert {str(level) for level in Level} == set(Candidate.Level.values)
