"""What becomes of candidates: a reviewer, or AURA where the setting says so, puts them into the next library."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from compression import codec, runs, selectors, services
from compression.codec.model import Model
from compression.discovery import conservative, slot_kind, with_forms
from compression.discovery.align import Alignment, polished
from compression.discovery.clusters import LEAST
from compression.discovery.personal import without_personal
from compression.discovery.tokens import sentences, sentences_of, tokens
from compression.errors import Unfit
from compression.models import Candidate, Dictionary, DiscoveryRun, Library, Template

log = logging.getLogger(__name__)

Status = Candidate.Status
#: Bytes of templates that a dictionary may end with: more makes priming take seconds.
TEXTS: Final = 512 * 1024
#: The share of the shortest fixed text that stays fixed when candidates are merged.
MERGED: Final = 0.5
#: The index under which a library codes while it is measured.
_INDEX = 1


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a library would have done: bytes of the same answers in UTF-8, with the active library and with this one."""

    answers: int
    text: int
    before: int
    after: int

    @property
    def better(self) -> bool:
        """Return whether it saves anything."""
        return self.after < self.before


def measure(library: codec.Library, answers: Sequence[str] | None = None) -> Shadow:
    """Code recent answers that were not mined with the active library and with this one, and decode them again.

    Each answer counts as a whole and sentence by sentence. Raises Unfit when a text does not come back the same.
    """
    chosen = runs.held_out(300) if answers is None else answers
    sides = [(one, _model(one)) for one in (selectors.active_library(), library)]
    sizes = [0, 0]
    text_size = 0
    for answer in chosen:
        for text in (answer, *sentences(answer)):
            text_size += len(text.encode())
            for number, (one, model) in enumerate(sides):
                data = codec.encode(text, one, _INDEX, model).data
                sizes[number] += len(data)
                if codec.decode(data, {_INDEX: one}, models={_INDEX: model} if model else None) != text:
                    raise Unfit(_("With this library a text does not come back the same. Please report this."))
    return Shadow(len(chosen), text_size, *sizes)


def _model(library: codec.Library) -> Model | None:
    """Return the model of a library that may not have been promoted yet. Priming takes seconds a megabyte."""
    known = selectors.model_by_hash(library.dictionary) if library.dictionary else None
    if known is not None or not library.dictionary:
        return known
    row = Dictionary.objects.filter(hash=library.dictionary).first()
    return Model(bytes(row.content)) if row is not None else None


def accept(candidates: Iterable[Candidate], by: Any = None) -> Library:
    """Make a library of the active one's templates and these candidates; return its row, measured, not yet promoted.

    `by` is the user who decided, None when AURA did. Raises Unfit when none is waiting, one holds personal data, or the
    library would have too many templates. Takes seconds; the database is locked for the last moment of them only.
    """
    pks = [candidate.pk for candidate in candidates]
    waiting = list(Candidate.objects.filter(pk__in=pks, status=Status.WAITING))
    if not waiting:
        raise Unfit(_("None of these candidates is waiting."))
    library = _library_of(waiting)
    shadow = measure(library)
    ids = {template.parts: template.id for template in library.templates}
    with transaction.atomic():
        if Candidate.objects.select_for_update().filter(pk__in=pks, status=Status.WAITING).count() != len(waiting):
            raise Unfit(_("Somebody else has just decided on one of these candidates. Choose again."))
        row = services.install_library(library, Library.Origin.DISCOVERY)
        row.shadow = asdict(shadow)
        row.save(update_fields=["shadow"])
        for candidate in waiting:
            candidate.template_id = ids[tuple(candidate.parts)]
            candidate.status, candidate.decided, candidate.decided_by = Status.ACCEPTED, timezone.now(), by
            candidate.save(update_fields=["template", "status", "decided", "decided_by"])
    return row


def _library_of(waiting: Sequence[Candidate]) -> codec.Library:
    """Return the library that candidates make with the active one. Raises Unfit."""
    active = selectors.active_library()
    known = {template.parts for template in active.templates}
    last = Template.objects.aggregate(last=Max("id"))["last"] or 0
    next_id = max(last + 1, services.FIRST_FREE_ID)
    templates = list(active.templates)
    for candidate in waiting:
        check(candidate.parts)
        if tuple(candidate.parts) not in known:
            # An id stands for one text for ever: a text that had one before gets it again.
            earlier = Template.objects.filter(parts=candidate.parts).first()
            templates.append(earlier.value if earlier else codec.Template(next_id, tuple(candidate.parts)))
            next_id += earlier is None
    if len(templates) > settings.DISCOVERY_TEMPLATES:
        raise Unfit(_("The library would have more than %d templates.") % settings.DISCOVERY_TEMPLATES)
    run = DiscoveryRun.objects.filter(pk__in={candidate.run_id for candidate in waiting}).order_by("-pk").first()
    learned = run.dictionary if run is not None else None
    plain = codec.Library(sorted(templates, key=lambda template: template.id))
    answers = runs.recent()
    formed = with_forms(
        plain.templates, answers, k=settings.DISCOVERY_USERS, horizon=runs.HORIZON / max(1, len(answers))
    )
    if settings.DISCOVERY_DICTIONARY <= 0:
        return codec.Library(formed, active.dictionary)
    base = bytes(learned.content) if learned is not None else codec.default_dictionary()
    return codec.Library(formed, _dictionary(base, plain).hash)


def _dictionary(base: bytes, library: codec.Library) -> Dictionary:
    """Return the dictionary that ends with the texts of a library's templates: who has those need not fetch it again.

    What no template makes is often made of the same phrases.
    """
    texts = library.texts
    content = base + texts[: texts.rfind(b"\0", 0, TEXTS) + 1]
    name = hashlib.sha256(content).hexdigest()
    return Dictionary.objects.get_or_create(hash=name, defaults={"content": content})[0]


def reject(candidate: Candidate, by: Any = None) -> Candidate:
    """Turn a candidate down, for good: it will not be proposed again. Raises Unfit when it is decided already."""
    changed = Candidate.objects.filter(pk=candidate.pk, status=Status.WAITING).update(
        status=Status.REJECTED, decided=timezone.now(), decided_by=by
    )
    if not changed:
        raise Unfit(_("None of these candidates is waiting."))
    candidate.refresh_from_db()
    return candidate


@transaction.atomic
def split(candidate: Candidate, by: Any = None) -> list[Candidate]:
    """Put the sentences of a candidate in its place, each a candidate of its own, and return those that are new.

    Raises Unfit when it is decided already, or is one sentence only.
    """
    (waiting,) = _locked([candidate])
    pieces = sentences_of(tuple(waiting.parts))
    if len(pieces) < 2:
        raise Unfit(_("This candidate is one sentence only."))
    matched = [slots for text in waiting.examples if (slots := waiting.value.match(text)) is not None]
    made, number = [], 0
    for parts in pieces:
        mine = slice(number, number + len(parts) - 1)
        number += len(parts) - 1
        if sum(len(part.strip()) for part in parts) >= LEAST:
            examples = [codec.Template(0, parts).fill(slots[mine]) for slots in matched]
            made.append(_put(parts, Candidate.Level.SENTENCE, examples, [waiting]))
    _decide([waiting], by)
    return [row for row, new in made if new]


@transaction.atomic
def merge(candidates: Iterable[Candidate], by: Any = None) -> Candidate:
    """Put one candidate in the place of several: what their examples have in common is fixed, the rest are slots.

    Raises Unfit when there are fewer than two, one is decided already or has no examples, or too little is in common.
    """
    waiting = _locked(candidates)
    if len(waiting) < 2 or not all(one.examples for one in waiting):
        raise Unfit(_("Choose two candidates or more that have examples."))
    texts = [text for one in waiting for text in one.examples]
    alignment = Alignment(tokens(texts[0]))
    least = MERGED * min(sum(map(len, one.parts)) for one in waiting)
    if not all(alignment.add(tokens(text), least) for text in texts[1:]):
        raise Unfit(_("These candidates have too little in common."))
    aligned = codec.Template(0, alignment.parts())
    members = [slots for text in texts if (slots := aligned.match(text)) is not None]
    parts = without_personal(polished(aligned.parts, members), conservative)
    check(parts)
    template = codec.Template(0, parts)
    if not all(template.match(text) is not None for text in texts):
        raise Unfit(_("These candidates have too little in common."))
    _decide([one for one in waiting if tuple(one.parts) != parts], by)
    return _put(parts, waiting[0].level, texts, waiting)[0]


def _locked(candidates: Iterable[Candidate]) -> list[Candidate]:
    pks = [candidate.pk for candidate in candidates]
    waiting = list(Candidate.objects.select_for_update().filter(pk__in=pks, status=Status.WAITING))
    if not waiting or len(waiting) < len(pks):
        raise Unfit(_("None of these candidates is waiting."))
    return waiting


def _decide(candidates: Iterable[Candidate], by: Any) -> None:
    """Turn candidates down for good: another stands in their place."""
    for candidate in candidates:
        candidate.status, candidate.decided, candidate.decided_by = Status.REJECTED, timezone.now(), by
        candidate.save(update_fields=["status", "decided", "decided_by"])


def _put(
    parts: Sequence[str], level: str, examples: Sequence[str], sources: Sequence[Candidate]
) -> tuple[Candidate, bool]:
    """Return the candidate of these parts, measured on answers held out, and whether it is new.

    Each of its fixed texts is in all that the sources make, so it was seen with as many users as the one with most.
    """
    template = codec.Template(0, tuple(parts))
    chosen = runs.measured(template)
    different = list(dict.fromkeys(examples))
    matched = [slots for text in different if (slots := template.match(text)) is not None]
    return Candidate.objects.get_or_create(
        digest=runs.digest(parts),
        defaults={
            "parts": list(parts),
            "level": level,
            "run": sources[0].run,
            "count": sum(source.count for source in sources),
            "users": max(source.users for source in sources),
            "examples": different[: runs.EXAMPLES],
            "kinds": [str(slot_kind(values)) for values in zip(*matched, strict=True)],
            **chosen,
        },
    )


def check(parts: Sequence[str]) -> None:
    """Raise Unfit when the parts make no template, or hold what may be personal data."""
    try:
        codec.Template(services.FIRST_FREE_ID, tuple(parts))
    except codec.LibraryError as error:
        raise Unfit(str(error)) from None
    for part in parts:
        for start, end in conservative(part):
            raise Unfit(_("This may be personal data, so it has to be a slot: %s") % part[start:end])


def after(run: DiscoveryRun) -> Library | None:
    """Promote what a run proposed when the setting says so; return the library, None when nothing was promoted."""
    if not settings.DISCOVERY_AUTO_PROMOTE or run.status != DiscoveryRun.Status.DONE:
        return None
    room = settings.DISCOVERY_TEMPLATES - len(selectors.active_library())
    waiting = Candidate.objects.filter(status=Status.WAITING)[: max(0, room)]
    if not waiting:
        return None
    try:
        library = accept(waiting)
    except Unfit as error:
        log.error("Discovery run %s: nothing is promoted: %s", run.pk, error)
        return None
    if not Shadow(**(library.shadow or {})).better:
        log.info("Discovery run %s: library %s saves nothing and stays a candidate", run.pk, library)
        return None
    return services.promote(library)
