"""What is different between two versions of a library. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from compression.codec.delta import delta
from compression.codec.forms import Forms
from compression.codec.library import Library
from compression.codec.template import Template


@dataclass(frozen=True, slots=True)
class Reformed:
    """A slot whose forms are others: the forms that came, and those that went."""

    template: Template
    slot: int
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """What came with a version of a library, what went, and the slots of the rest that have other forms.

    `download` are the bytes of the manifest, `news` those of the delta that a client with the version before fetches.
    """

    added: tuple[Template, ...]
    removed: tuple[Template, ...]
    reformed: tuple[Reformed, ...]
    dictionary: bool
    download: int
    news: int

    @property
    def any(self) -> bool:
        """Return whether anything is different."""
        return bool(self.added or self.removed or self.reformed or self.dictionary)


def changes(before: Library, after: Library) -> Changes:
    """Return what is different in `after`. An id stands for one text for ever, so templates are compared by their ids."""
    old = {template.id: template for template in before.templates}
    new = {template.id: template for template in after.templates}
    both = [(old[template.id], template) for template in after.templates if template.id in old]
    return Changes(
        tuple(template for template in after.templates if template.id not in old),
        tuple(template for template in before.templates if template.id not in new),
        tuple(one for pair in both for one in _reformed(*pair)),
        before.dictionary != after.dictionary,
        len(after.manifest),
        len(delta(before.manifest, after.manifest)),
    )


def _reformed(before: Template, after: Template) -> list[Reformed]:
    found = []
    for slot in range(after.slot_count):
        old, new = _texts(before.forms, slot), _texts(after.forms, slot)
        added = tuple(text for text in new if text not in set(old))
        removed = tuple(text for text in old if text not in set(new))
        if added or removed:
            found.append(Reformed(after, slot, added, removed))
    return found


def _texts(forms: Sequence[Forms | None], slot: int) -> tuple[str, ...]:
    found = forms[slot] if forms else None
    return found.texts if found is not None else ()
