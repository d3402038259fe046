"""What becomes of candidates: a reviewer, or AURA where the setting says so, puts them into the next library."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compression import codec, proposals, selectors, services
from compression.codec.model import Model
from compression.discovery import conservative
from compression.discovery.align import Alignment, polished
from compression.discovery.clusters import LEAST
from compression.discovery.personal import without_personal
from compression.discovery.tokens import sentences, sentences_of, tokens
from compression.errors import IdTaken, Overtaken, Unfit
from compression.examples import HIDDEN, told_apart
from compression.models import Candidate, Dictionary, DiscoveryRun, Library, Template
from compression.wording import in_words

log = logging.getLogger(__name__)

Status = Candidate.Status
#: Bytes of templates that a dictionary may end with: more makes priming take seconds.
TEXTS: Final = 512 * 1024
#: The share of the shortest fixed text that stays fixed when candidates are merged.
MERGED: Final = 0.5
_TRY_AGAIN = gettext_lazy("Somebody else has just put other candidates into a library. Try again.")
#: The index under which a library codes while it is measured.
_INDEX = 1


@dataclass(frozen=True, slots=True)
class Shadow:
    """What a library would have done: bytes of the same answers in UTF-8, with the active library and with this one, each
    answer as a whole and by its sentences; and the bytes that a client of the active one fetches to go over."""

    answers: int
    text: int
    before: int
    after: int
    download: int = 0

    @property
    def better(self) -> bool:
        """Return whether it saves anything."""
        return self.after < self.before

    @property
    def pays(self) -> bool:
        """Return whether a client earns the download back within as many messages as one gets before the next version."""
        # Each answer was counted twice.
        saved = (self.before - self.after) / 2 / max(1, self.answers)
        return saved * proposals.HORIZON > self.download


def measure(library: codec.Library, answers: Sequence[str] | None = None) -> Shadow:
    """Code recent answers that were not mined with the active library and with this one, and decode them again.

    Each answer counts as a whole and sentence by sentence. Raises Unfit when a text does not come back the same.
    """
    chosen = proposals.held_out(300) if answers is None else answers
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
    before, after = sizes
    return Shadow(len(chosen), text_size, before, after, _download(*sides))


def _download(held: tuple[codec.Library, Model | None], wanted: tuple[codec.Library, Model | None]) -> int:
    """Return the bytes that who has one library and its dictionary fetches for another one."""
    size = _fetched(held[0].manifest, wanted[0].manifest)
    if wanted[1] is not None and wanted[0].dictionary != held[0].dictionary:
        known = held[1].dictionary if held[1] is not None else b""
        size += _fetched(known + wanted[0].texts, wanted[1].dictionary)
    return size


def _fetched(held: bytes, wanted: bytes) -> int:
    return min(len(brotli.compress(one)) for one in (codec.delta(held, wanted), wanted))


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
    waiting, library, base = _next(candidates)
    return _install(waiting, library, base, measure(library), by)


def promote(candidates: Iterable[Candidate], by: Any = None) -> Library:
    """Make that library, and promote it if it saves anything; return its row. Raises what `accept` and promoting do."""
    waiting, library, base = _next(candidates)
    shadow = measure(library)
    with transaction.atomic():
        row = _install(waiting, library, base, shadow, by)
        return _bring(row, by) if shadow.better else row


def _bring(row: Library, by: Any) -> Library:
    """Promote a library that was just made. Raises Unfit when another became active meanwhile: to be undone."""
    try:
        services.check_base(row)
    except Overtaken:
        raise Unfit(str(_TRY_AGAIN)) from None
    return services.promote(row, by)


def _next(candidates: Iterable[Candidate]) -> tuple[list[Candidate], codec.Library, str]:
    """Return those of the candidates that wait, the library that they make, and the hash of the one that it is made of.

    Raises Unfit.
    """
    pks = [candidate.pk for candidate in candidates]
    waiting = list(Candidate.objects.filter(pk__in=pks, status=Status.WAITING))
    if not waiting:
        raise Unfit(_("None of these candidates is waiting."))
    active = selectors.active_library()
    return waiting, _library_of(waiting, active), active.hash


def _install(waiting: Sequence[Candidate], library: codec.Library, base: str, shadow: Shadow, by: Any) -> Library:
    """Store a library that was made of candidates, which are accepted by that. Raises Unfit."""
    try:
        with transaction.atomic():
            return _stored(waiting, library, base, shadow, by)
    except (IdTaken, IntegrityError):
        # Ids are chosen before a library is measured, and its hash holds them: the library has to be made anew.
        raise Unfit(str(_TRY_AGAIN)) from None


def _stored(waiting: Sequence[Candidate], library: codec.Library, base: str, shadow: Shadow, by: Any) -> Library:
    ids = {template.parts: template.id for template in library.templates}
    pks = [candidate.pk for candidate in waiting]
    if Candidate.objects.select_for_update().filter(pk__in=pks, status=Status.WAITING).count() != len(waiting):
        raise Unfit(_("Somebody else has just decided on one of these candidates. Choose again."))
    row = _row(library, Library.Origin.DISCOVERY, base, shadow)
    for candidate in waiting:
        candidate.template_id = ids[tuple(candidate.parts)]
        candidate.status, candidate.decided, candidate.decided_by = Status.ACCEPTED, timezone.now(), by
        candidate.save(update_fields=["template", "status", "decided", "decided_by"])
    return row


def _row(library: codec.Library, origin: Library.Origin, base: str, shadow: Shadow) -> Library:
    """Store a library with what it was made of, and what it was measured to do. Raises IdTaken."""
    row = services.install_library(library, origin)
    row.base, row.shadow = base, asdict(shadow)
    if row.status == Library.Status.RETIRED and row.promoted is None:
        # It was turned down, and somebody chooses the same again.
        row.status, row.retired = Library.Status.CANDIDATE, None
    row.save(update_fields=["base", "shadow", "status", "retired"])
    return row


def _library_of(waiting: Sequence[Candidate], active: codec.Library) -> codec.Library:
    """Return the library that candidates make with the active one. Raises Unfit."""
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
    formed = proposals.formed(plain.templates)
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


def edit(candidate: Candidate, parts: Sequence[str]) -> Candidate:
    """Give a candidate another text, and measure it anew. Raises Unfit when it cannot have that, or is decided already."""
    seen = fit(candidate, parts)
    fields = proposals.measured(codec.Template(0, tuple(parts)), candidate.examples)
    fields |= {"parts": list(parts), "digest": proposals.digest(parts), "template": None, **seen}
    # Whoever decided meanwhile, or gave another one this text, was first.
    try:
        with transaction.atomic():
            changed = Candidate.objects.filter(pk=candidate.pk, status=Status.WAITING).update(**fields)
    except IntegrityError:
        raise Unfit(_("Another candidate has this text already.")) from None
    if not changed:
        raise Unfit(_("None of these candidates is waiting."))
    candidate.refresh_from_db()
    return candidate


def fit(candidate: Candidate, parts: Sequence[str]) -> dict[str, int]:
    """Return in how many texts and with how many users a candidate of these parts was seen. Raises Unfit unless it may have
    them: without personal data, making its examples, its own, and seen with enough users where they add fixed text."""
    check(parts)
    template = codec.Template(0, tuple(parts))
    # What is blackened is in no fixed text, so parts that make this make all that the candidate made: its users count still.
    looser = template.match(candidate.value.fill([HIDDEN] * candidate.value.slot_count)) is not None
    if not looser and not candidate.examples:
        raise Unfit(_("Without examples no fixed text can be added. The next run of discovery brings some."))
    if not all(template.match(example) is not None for example in candidate.examples):
        raise Unfit(_("The text no longer makes all of the examples."))
    if Candidate.objects.exclude(pk=candidate.pk).filter(digest=proposals.digest(parts)).exists():
        raise Unfit(_("Another candidate has this text already."))
    if looser:
        return {"count": candidate.count, "users": candidate.users}
    seen = proposals.seen(template)
    if seen["users"] < settings.DISCOVERY_USERS:
        raise Unfit(_("Fixed text has to be seen with %d users at least.") % settings.DISCOVERY_USERS)
    return seen


def split(candidate: Candidate, by: Any = None) -> list[Candidate]:
    """Put the sentences of a candidate in its place, each a candidate of its own, and return those that are new.

    Raises Unfit when it is decided already, is one sentence only, or all of its sentences were decided on. Takes seconds;
    locks the database for a moment.
    """
    (waiting,) = _waiting([candidate])
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
            made.append(_made(parts, Candidate.Level.SENTENCE, examples, [waiting]))
    with transaction.atomic():
        _decide([waiting], by)
        rows = [_put(one) for one in made]
        if all(row.status != Status.WAITING for row, _new in rows):
            raise Unfit(_("Nothing would take its place: all of its sentences were decided on already."))
    return [row for row, new in rows if new]


def merge(candidates: Iterable[Candidate], by: Any = None) -> Candidate:
    """Put one candidate in the place of several: what their examples have in common is fixed, the rest are slots.

    Raises Unfit when there are fewer than two, one is decided already or has no examples, too little is in common, or what
    is was decided on before. Takes seconds; locks the database for a moment.
    """
    waiting = _waiting(candidates)
    if len(waiting) < 2 or not all(one.examples for one in waiting):
        raise Unfit(_("Choose two candidates or more that have examples."))
    texts = [text for one in waiting for text in one.examples]
    apart = told_apart(texts)
    alignment = Alignment(tokens(apart[0]))
    least = MERGED * min(sum(map(len, one.parts)) for one in waiting)
    if not all(alignment.add(tokens(text), least) for text in apart[1:]):
        raise Unfit(_("These candidates have too little in common."))
    aligned = codec.Template(0, alignment.parts())
    members = [slots for text in apart if (slots := aligned.match(text)) is not None]
    parts = without_personal(polished(aligned.parts, members), conservative)
    check(parts)
    template = codec.Template(0, parts)
    if not all(template.match(text) is not None for text in (*texts, *apart)):
        raise Unfit(_("These candidates have too little in common."))
    made = _made(parts, waiting[0].level, texts, waiting)
    with transaction.atomic():
        _decide([one for one in waiting if tuple(one.parts) != parts], by)
        row, _new = _put(made)
        if row.status != Status.WAITING:
            raise Unfit(_("What these candidates have in common was decided on already."))
        return row


def _waiting(candidates: Iterable[Candidate]) -> list[Candidate]:
    pks = [candidate.pk for candidate in candidates]
    waiting = list(Candidate.objects.filter(pk__in=pks, status=Status.WAITING))
    if not waiting or len(waiting) < len(pks):
        raise Unfit(_("None of these candidates is waiting."))
    return waiting


def _decide(candidates: Iterable[Candidate], by: Any) -> None:
    """Turn candidates down for good: another stands in their place. Raises Unfit when somebody decided meanwhile."""
    for candidate in candidates:
        reject(candidate, by)


def _made(parts: Sequence[str], level: str, examples: Sequence[str], sources: Sequence[Candidate]) -> Candidate:
    """Return the candidate of these parts, measured on answers held out, not stored yet.

    Each of its fixed texts is in all that the sources make, so it was seen with as many users as the one with most.
    """
    return Candidate(
        digest=proposals.digest(parts),
        parts=list(parts),
        level=level,
        run=sources[0].run,
        count=sum(source.count for source in sources),
        users=max(source.users for source in sources),
        **proposals.measured(codec.Template(0, tuple(parts)), examples),
    )


def _put(made: Candidate) -> tuple[Candidate, bool]:
    """Store a candidate, unless there is one of its text already; return that, and whether it is new."""
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return Candidate.objects.get(digest=made.digest), False
    return made, True


def retire_templates(templates: Iterable[Template]) -> Library:
    """Make a library of the active one's templates without these; return its row, measured, not yet promoted.

    What was coded with them stays decodable, and their ids are never used for anything else. Raises Unfit when none of them
    is in the active library, or no template would be left. Takes seconds.
    """
    active = selectors.active_library()
    gone = {template.pk for template in templates}
    left = [template for template in active.templates if template.id not in gone]
    if len(left) == len(active):
        raise Unfit(_("None of these templates is in the active library."))
    if not left:
        raise Unfit(_("A library keeps one template at least."))
    return _changed(active, left)


def bring_back(templates: Iterable[Template]) -> Library:
    """Make a library of the active one's templates and these; return its row, measured, not yet promoted.

    Raises Unfit when all of them are in the active library, or it would have too many. Takes seconds.
    """
    active = selectors.active_library()
    missing = [template.value for template in templates if active.template(template.pk) is None]
    if not missing:
        raise Unfit(_("These templates are in the active library already."))
    if len(active) + len(missing) > settings.DISCOVERY_TEMPLATES:
        raise Unfit(_("The library would have more than %d templates.") % settings.DISCOVERY_TEMPLATES)
    return _changed(active, [*active.templates, *proposals.formed(missing)])


def _changed(active: codec.Library, templates: Sequence[codec.Template]) -> Library:
    library = codec.Library(sorted(templates, key=lambda template: template.id), active.dictionary)
    shadow = measure(library)
    with transaction.atomic():
        return _row(library, Library.Origin.MANUAL, active.hash, shadow)


def check(parts: Sequence[str]) -> None:
    """Raise Unfit when the parts make no template, or hold what may be personal data or was blackened."""
    try:
        codec.Template(services.FIRST_FREE_ID, tuple(parts))
    except codec.LibraryError as error:
        raise Unfit(in_words(error)) from None
    for part in parts:
        if HIDDEN in part:
            raise Unfit(_("What is blackened (%s) has to be a slot.") % HIDDEN)
        for start, end in conservative(part):
            raise Unfit(_("This may be personal data, so it has to be a slot: %s") % part[start:end])


def after(run: DiscoveryRun) -> Library | None:
    """Promote what a run proposed when the setting says so; return the library, None when nothing was promoted.

    Only what a client earns back is promoted; until then candidates wait, and more come to them. What was in a library that
    was left is a reviewer's to bring back: there may have been a reason.
    """
    if not settings.DISCOVERY_AUTO_PROMOTE or run.status != DiscoveryRun.Status.DONE:
        return None
    room = settings.DISCOVERY_TEMPLATES - len(selectors.active_library())
    new = Candidate.objects.filter(status=Status.WAITING, template=None)
    fit = [one for one in new[: max(0, room)] if _fits(one)]
    if not fit:
        return None
    try:
        waiting, library, base = _next(fit)
        shadow = measure(library)
        if shadow.pays:
            with transaction.atomic():
                return _bring(_install(waiting, library, base, shadow, None), None)
    except Unfit:
        # Its message may quote what must not be in a log.
        log.error("Discovery run %s: nothing is promoted; try it in the admin to see why", run.pk)
        return None
    log.info("Discovery run %s: what waits saves less than its download of %d bytes", run.pk, shadow.download)
    return None


def _fits(candidate: Candidate) -> bool:
    try:
        check(candidate.parts)
    except Unfit:
        log.warning("Candidate %s is left to a reviewer: it may hold personal data", candidate.pk)
        return False
    return True
