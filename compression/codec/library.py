"""A library: an immutable set of templates, named by the hash of its content (wire-format.md, 4.1)."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import rfc8785

from compression.codec.errors import LibraryError
from compression.codec.forms import Forms
from compression.codec.matcher import Match, Matcher
from compression.codec.template import Template

FORMAT: Final = "aura.library/1"
#: The format of a library in which slots have forms.
FORMED: Final = "aura.library/2"
MAX_LISTS: Final = 256
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_DEFAULT_PATH: Final = Path(__file__).with_name("default_library.json")


class Library:
    """An immutable library of `templates`, in the order of their ids, and the name of the dictionary that its model is
    primed with (64 hexadecimal digits, empty for none).

    Raises LibraryError when ids do not rise, or for another name.
    """

    def __init__(self, templates: Iterable[Template], dictionary: str = "") -> None:
        if dictionary and not _NAME.fullmatch(dictionary):
            raise LibraryError("A dictionary is named by 64 hexadecimal digits.")
        self.templates: Final = tuple(templates)
        self.dictionary: Final = dictionary
        self._by_id: Final[Mapping[int, Template]] = {template.id: template for template in self.templates}
        ids = [template.id for template in self.templates]
        for before, after in pairwise(ids):
            if after <= before:
                raise LibraryError(f"The ids of a library must rise; {after} follows {before}.")

    @classmethod
    def from_manifest(cls, manifest: bytes | str, expected_hash: str | None = None) -> "Library":
        """Return the library that `manifest`, JSON in any layout, describes.

        Raises LibraryError when it is not of the format, breaks a bound, or has another hash than
        `expected_hash` (64 hexadecimal digits).
        """
        try:
            document = json.loads(manifest)
        except (ValueError, RecursionError) as error:
            raise LibraryError("The manifest is not JSON in UTF-8.") from error
        if not isinstance(document, dict) or document.get("format") not in (FORMAT, FORMED):
            raise LibraryError(f"The manifest is not of the format `{FORMAT}` or `{FORMED}`.")
        wanted = {"format", "templates"} | ({"forms"} if document["format"] == FORMED else set())
        if set(document) - {"dictionary"} != wanted:
            raise LibraryError("A manifest is an object with `format`, `templates`, and maybe `dictionary`.")
        if not isinstance(document["templates"], list):
            raise LibraryError("The templates of a manifest are a list.")
        dictionary = document.get("dictionary", "")
        if not isinstance(dictionary, str) or ("dictionary" in document and not dictionary):
            raise LibraryError("A dictionary is named by 64 hexadecimal digits.")
        forms = _forms(document["forms"]) if "forms" in document else []
        library = cls((_template(entry, forms) for entry in document["templates"]), dictionary)
        if (library.format == FORMED) != ("forms" in document) or list(library.forms) != forms:
            raise LibraryError("Each list of forms has to be used, in the order of the slots.")
        if expected_hash is not None and library.hash != expected_hash:
            raise LibraryError(f"The manifest's hash is {library.hash}, not {expected_hash}.")
        return library

    @cached_property
    def forms(self) -> tuple[Forms, ...]:
        """The different forms of all slots, in the order in which they come up; empty when no slot has any."""
        return tuple(
            dict.fromkeys(forms for template in self.templates for forms in template.forms if forms is not None)
        )

    @property
    def format(self) -> str:
        """The format of the manifest: a library without forms is written as it always was."""
        return FORMED if self.forms else FORMAT

    @cached_property
    def manifest(self) -> bytes:
        """The canonical JSON (RFC 8785) of the library: what is served, stored and hashed."""
        places: dict[Forms | None, int] = {forms: place for place, forms in enumerate(self.forms)}
        entries: list[dict[str, Any]] = []
        for template in self.templates:
            entries.append({"id": template.id, "parts": template.parts})
            if template.forms:
                entries[-1]["forms"] = [places.get(forms, -1) for forms in template.forms]
        document: dict[str, Any] = {"format": self.format, "templates": entries}
        if self.dictionary:
            document["dictionary"] = self.dictionary
        if self.forms:
            document["forms"] = [forms.texts for forms in self.forms]
        return rfc8785.dumps(document)

    @property
    def texts(self) -> bytes:
        """The fixed text of each template, as a dictionary may hold it: who has the library need not fetch that again."""
        return b"".join("".join(template.parts).encode() + b"\0" for template in self.templates)

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of the manifest, 32 bytes: the library's name in frames."""
        return hashlib.sha256(self.manifest).digest()

    @cached_property
    def hash(self) -> str:
        """The same as 64 hexadecimal digits: the library's name in addresses and in the database."""
        return self.digest.hex()

    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher(self.templates)

    def template(self, template_id: int) -> Template | None:
        """Return the template of that id, or None."""
        return self._by_id.get(template_id)

    def match(self, text: str) -> Match | None:
        """Return the match of `text` with the smallest payload, or None when no template matches it."""
        return self._matcher.match(text)

    def __len__(self) -> int:
        return len(self.templates)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Library) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Library {self.hash[:12]}, {len(self)} templates>"


def _forms(entries: Any) -> list[Forms]:
    if not isinstance(entries, list) or len(entries) > MAX_LISTS:
        raise LibraryError(f"The forms of a manifest are at most {MAX_LISTS} lists of texts.")
    for texts in entries:
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise LibraryError("The forms of a manifest are lists of texts.")
    return [Forms(texts) for texts in entries]


def _template(entry: Any, forms: Sequence[Forms]) -> Template:
    if not isinstance(entry, dict) or set(entry) - ({"forms"} if forms else set()) != {"id", "parts"}:
        raise LibraryError("A template is an object with `id` and `parts`.")
    template_id, parts, places = entry["id"], entry["parts"], entry.get("forms", [])
    # bool is a kind of int in Python; in JSON it is not a number.
    if not _whole(template_id):
        raise LibraryError("A template's id is a whole number.")
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise LibraryError("A template's parts are a list of texts.")
    if not isinstance(places, list) or not all(_whole(place) and -1 <= place < len(forms) for place in places):
        raise LibraryError("A template's forms are places in the list of forms, or -1.")
    if "forms" in entry and not places:
        raise LibraryError("A template's forms are as many as its slots.")
    return Template(template_id, tuple(parts), tuple(forms[place] if place >= 0 else None for place in places))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def default_library() -> Library:
    """Return the library that ships with the product; its ids are 0 to 127."""
    return Library.from_manifest(_DEFAULT_PATH.read_bytes())
