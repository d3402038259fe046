"""Changes of libraries: install, promote, retire, roll back."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from compression import codec, selectors
from compression.errors import ActiveLibrary, IdTaken, NoEarlierLibrary, Overtaken, OwnProposal
from compression.models import Candidate, Library, Template

#: Ids below this one belong to the default library.
FIRST_FREE_ID = 128

Status = Library.Status


@transaction.atomic
def install_library(library: codec.Library, origin: Library.Origin = Library.Origin.MANUAL) -> Library:
    """Store `library` as a candidate and return its row; a library that is stored already is returned as it is.

    Raises IdTaken when an id stands for other parts in the database, or when another library than the default one
    gives an id below 128 parts of its own.
    """
    stored = Library.objects.filter(hash=library.hash).first()
    if stored is not None:
        return stored
    known = Template.objects.in_bulk([template.id for template in library.templates])
    new = []
    for template in library.templates:
        row = known.get(template.id)
        if row is None:
            if template.id < FIRST_FREE_ID and origin != Library.Origin.DEFAULT:
                raise IdTaken(_("Template ids below 128 are reserved for the library that ships with AURA."))
            new.append(Template(id=template.id, parts=list(template.parts)))
        elif row.value != template:
            raise IdTaken(_("Template id %d stands for another text already; choose a new id.") % template.id)
    Template.objects.bulk_create(new, batch_size=1_000)
    stored = Library.objects.create(hash=library.hash, manifest=library.manifest.decode(), origin=origin)
    membership = Library.templates.through
    membership.objects.bulk_create(
        [membership(library_id=stored.pk, template_id=template.id) for template in library.templates],
        batch_size=1_000,
    )
    return stored


@transaction.atomic
def promote(library: Library, by: Any = None) -> Library:
    """Make `library` the active one, retire the one that was, and return it.

    `by` is the user who decided, None when AURA did. Where two people decide (DISCOVERY_FOUR_EYES) the first one only
    proposes it: it comes back as the candidate that it was, and another one has to promote it. What was in use before needs
    no second consent. Every process codes with it within two seconds; what was coded with the old one stays decodable.
    Raises OwnProposal for who proposed it, Overtaken when it lacks what was promoted since it was made, LibraryError when
    the stored manifest does not fit its hash.
    """
    library = Library.objects.select_for_update().get(pk=library.pk)
    if library.status == Status.ACTIVE:
        return library
    library.value  # noqa: B018  (raises when the manifest was changed)
    if library.promoted is None:
        check_base(library)
    now = timezone.now()
    if settings.DISCOVERY_FOUR_EYES and by is not None and library.promoted is None:
        if library.proposed_by_id == by.pk:
            raise OwnProposal(_("You proposed this library yourself: another person has to approve it."))
        if library.proposed_by_id is None or library.status != Status.CANDIDATE:
            library.status, library.retired = Status.CANDIDATE, None
            library.proposed, library.proposed_by = now, by
            library.save(update_fields=["status", "retired", "proposed", "proposed_by"])
            return library
    Library.objects.select_for_update().filter(status=Status.ACTIVE).update(status=Status.RETIRED, retired=now)
    library.status, library.promoted, library.promoted_by, library.retired = Status.ACTIVE, now, by, None
    library.save(update_fields=["status", "promoted", "promoted_by", "retired"])
    _settle_candidates(by)
    transaction.on_commit(selectors.forget)
    return library


def check_base(library: Library) -> None:
    """Raise Overtaken when a library was made of one that is not active any more: what came since would be lost silently.

    For inside a transaction.
    """
    # Whoever promotes at this moment is waited for; who is active then only a second look tells.
    Library.objects.select_for_update().filter(status=Status.ACTIVE).first()
    active = Library.objects.filter(status=Status.ACTIVE).values_list("hash", flat=True).first()
    if active is not None and library.base not in ("", active):
        raise Overtaken(
            _(
                "Another library has become active since this one was made, and what it brought would be lost. Retire this "
                "one, and choose its candidates again."
            )
        )


@transaction.atomic
def retire(library: Library) -> Library:
    """Turn a candidate down and return it; a retired library stays as it is.

    Raises ActiveLibrary for the active one: something has to take its place, so promote another or roll back.
    """
    library = Library.objects.select_for_update().get(pk=library.pk)
    if library.status == Status.ACTIVE:
        raise ActiveLibrary(_("The active library cannot be retired. Promote another one, or roll back."))
    if library.status == Status.CANDIDATE:
        library.status, library.retired = Status.RETIRED, timezone.now()
        library.proposed, library.proposed_by = None, None
        library.save(update_fields=["status", "retired", "proposed", "proposed_by"])
        _settle_candidates()
    return library


def _settle_candidates(by: Any = None) -> None:
    """Have candidates wait again that are in no library that is active or may be promoted; those of the active one are
    accepted, also when somebody went back to it."""
    active = Library.objects.filter(status=Status.ACTIVE)
    bases = ["", *active.values_list("hash", flat=True)]
    held = Library.objects.filter(Q(status=Status.ACTIVE) | Q(status=Status.CANDIDATE, base__in=bases))
    names, now = Candidate.Status, timezone.now()
    lost = Candidate.objects.filter(status=names.ACCEPTED).exclude(template__libraries__in=held)
    lost.update(status=names.WAITING, decided=None, decided_by=None)
    back = Candidate.objects.filter(status=names.WAITING, template__libraries__in=active)
    back.update(status=names.ACCEPTED, decided=now, decided_by=by)


@transaction.atomic
def roll_back(by: Any = None) -> Library:
    """Promote the library that was active before the present one, and return it.

    Raises NoEarlierLibrary when there is none. Rolling back twice comes back to where it began.
    """
    earlier = Library.objects.filter(status=Status.RETIRED, promoted__isnull=False).order_by("-retired").first()
    if earlier is None:
        raise NoEarlierLibrary(_("No library was active before this one."))
    return promote(earlier, by)


def before(library: Library) -> Library | None:
    """Return the version before a library: what was promoted last before it; what is active, for one that never was."""
    if library.promoted is None:
        return Library.objects.filter(status=Status.ACTIVE).exclude(pk=library.pk).first()
    return Library.objects.filter(promoted__lt=library.promoted).order_by("-promoted").first()


def install_default_library() -> Library:
    """Install the library that ships with AURA, and return its row.

    It becomes active on a new database, and in the place of an older default library; a library that was chosen
    otherwise stays active.
    """
    with transaction.atomic():
        library = install_library(codec.default_library(), Library.Origin.DEFAULT)
        active = Library.objects.filter(status=Status.ACTIVE).first()
        newer = library.status == Status.CANDIDATE and active is not None and active.origin == Library.Origin.DEFAULT
        if active is None or newer:
            library = promote(library)
        return library
