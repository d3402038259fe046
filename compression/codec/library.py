"""A library: an immutable set of templates, named by the hash of its content (wire-format.md, 4.1)."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import rfc8785

from compression.codec.errors import LibraryError
from compression.codec.matcher import Match, Matcher
from compression.codec.template import Template

FORMAT: Final = "aura.library/1"
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
        if not isinstance(document, dict) or set(document) - {"dictionary"} != {"format", "templates"}:
            raise LibraryError("A manifest is an object with `format`, `templates`, and maybe `dictionary`.")
        if document["format"] != FORMAT:
            raise LibraryError(f"The manifest is not of the format `{FORMAT}`.")
        if not isinstance(document["templates"], list):
            raise LibraryError("The templates of a manifest are a list.")
        dictionary = document.get("dictionary", "")
        if not isinstance(dictionary, str) or ("dictionary" in document and not dictionary):
            raise LibraryError("A dictionary is named by 64 hexadecimal digits.")
        library = cls((_template(entry) for entry in document["templates"]), dictionary)
        if expected_hash is not None and library.hash != expected_hash:
            raise LibraryError(f"The manifest's hash is {library.hash}, not {expected_hash}.")
        return library

    @cached_property
    def manifest(self) -> bytes:
        """The canonical JSON (RFC 8785) of the library: what is served, stored and hashed."""
        return rfc8785.dumps(
            {
                **({"dictionary": self.dictionary} if self.dictionary else {}),
                "format": FORMAT,
                "templates": [{"id": template.id, "parts": template.parts} for template in self.templates],
            }
        )

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


def _template(entry: Any) -> Template:
    if not isinstance(entry, dict) or set(entry) != {"id", "parts"}:
        raise LibraryError("A template is an object with `id` and `parts`.")
    template_id, parts = entry["id"], entry["parts"]
    # bool is a kind of int in Python; in JSON it is not a number.
    if not isinstance(template_id, int) or isinstance(template_id, bool):
        raise LibraryError("A template's id is a whole number.")
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise LibraryError("A template's parts are a list of texts.")
    return Template(template_id, tuple(parts))


@cache
def default_library() -> Library:
    """Return the library that ships with the product; its ids are 0 to 127."""
    return Library.from_manifest(_DEFAULT_PATH.read_bytes())
