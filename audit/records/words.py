"""Words for search: what counts as one, and how it is blinded."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable

# Letters, digits and marks of any script; an apostrophe inside a word belongs to it.
_WORD = re.compile(r"\w+(?:['’]\w+)*")
# Words of one turn that are indexed, and letters of a word that count.
WORDS_LIMIT = 20_000
LENGTH_LIMIT = 40


def words_of(text: str) -> set[str]:
    """Return the words of a text as search compares them: folded case, no accents or vowel marks, at most WORDS_LIMIT."""
    found: set[str] = set()
    for match in _WORD.finditer(fold(text)):
        found.add(match.group()[:LENGTH_LIMIT])
        if len(found) >= WORDS_LIMIT:
            break
    return found


def fold(text: str) -> str:
    """Return a text without differences that a searcher does not mean."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter) and letter != "ـ")


def blind(words: Iterable[str], key: bytes) -> set[int]:
    """Return the blinded words: HMAC-SHA256 under the search key, cut to 63 bits."""
    return {int.from_bytes(hmac.digest(key, word.encode(), "sha256")[:8], "big") >> 1 for word in words}


def words_digest(blinded: Iterable[int]) -> str:
    """Return 32 hexadecimal digits that stand for a set of blinded words."""
    data = b"".join(word.to_bytes(8, "big") for word in sorted(blinded))
    return hashlib.sha256(b"aura.words/1\0" + data).hexdigest()[:32]
