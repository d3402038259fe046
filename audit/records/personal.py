"""Personal data in texts: found by form and check digits, and taken out. Pure: nothing but the text is needed.

Used for flags, for the samples that discovery is given, and before a text leaves for an outside provider. Names cannot be
found by form; a model may (see `find`'s argument `further`). Check digits come from python-stdnum.
"""

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from stdnum import iban, luhn
from stdnum.ar import dni as ar_dni
from stdnum.de import idnr as de_idnr
from stdnum.es import dni as es_dni
from stdnum.es import nie as es_nie
from stdnum.fr import nir as fr_nir
from stdnum.gb import nhs as gb_nhs
from stdnum.it import codicefiscale
from stdnum.nl import bsn as nl_bsn
from stdnum.us import itin as us_itin
from stdnum.us import ssn as us_ssn

KINDS = ("email", "phone", "card", "iban", "id", "ip", "secret")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Personal data in a text: `text[start:end]` is of that kind, one of KINDS or what a further finder names."""

    start: int
    end: int
    kind: str


Finder = Callable[[str], Iterable[Finding]]

# What every number that is looked for has in it, addresses apart.
_DIGITS = re.compile(r"\d\D{0,3}\d")
_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){11,18}(?![\w-])")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_PHONE = re.compile(r"(?<![\w.-])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,4}\)?){2,5}(?![\w-])")
_SECRET = re.compile(
    r"(?<!\w)(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16}|aura_[A-Za-z0-9_-]{30,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----)"
)
_DASHED_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_ID = re.compile(r"(?<![\w.-])(?:[A-Z0-9]{8,20}|\d(?:[ .-]?\d){7,14})(?![\w-])")
# What looks like an address behind these words is a number of a section or a version.
_NUMBERED = re.compile(r"(?:section|version|chapter|clause|release|paragraph|§|\bv)\.?\s*$", re.IGNORECASE)
# Numbers of these lengths that pass by chance are common, so a word that says what it is must stand nearby.
_HINTS = re.compile(
    r"\b(?:ssn|social security|tax|passport|national|nhs|bsn|dni|nie|nif|nir|steuer|idnr|codice|fiscale|itin|identi\w*|id)\b"
    r"|الهوية|هوية|الرقم القومي|جواز",
    re.IGNORECASE,
)
_HINT_REACH = 60
_PHONE_HINT = re.compile(
    r"\b(?:tel|phone|call|mobile|cell|fax|whatsapp|sms)\b|هاتف|جوال|موبايل|اتصل|رقمي", re.IGNORECASE
)


def find(text: str, *, further: Iterable[Finder] = ()) -> list[Finding]:
    """Return the personal data in a text, in order, none overlapping another. Linear in the text.

    `further` are more finders, for example of names; where two overlap the earlier in this order counts.
    """
    taken: list[Finding] = []
    free = bytearray(len(text))
    finders = _FINDERS if _DIGITS.search(text) else _WITHOUT_DIGITS
    for finding in chain(*(finder(text) for finder in (*finders, *further))):
        if not any(free[finding.start : finding.end]):
            free[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
            taken.append(finding)
    return sorted(taken)


def redact(text: str, findings: Iterable[Finding] | None = None) -> str:
    """Return the text with each finding replaced by its kind in brackets: `[email]`. Finds by itself without `findings`."""
    pieces: list[str] = []
    at = 0
    for finding in find(text) if findings is None else sorted(findings):
        pieces += [text[at : finding.start], f"[{finding.kind}]"]
        at = finding.end
    return "".join(pieces) + text[at:] if pieces else text


def _emails(text: str) -> Iterator[Finding]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Finding(match.start(), match.end(), "email")


def _secrets(text: str) -> Iterator[Finding]:
    for match in _SECRET.finditer(text):
        yield Finding(match.start(), match.end(), "secret")


def _ibans(text: str) -> Iterator[Finding]:
    for match in _IBAN.finditer(text):
        if iban.is_valid(match.group()):
            yield Finding(match.start(), match.end(), "iban")


def _cards(text: str) -> Iterator[Finding]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match.group())
        # 2 to 6 begin the numbers of the card schemes; a row of one digit passes Luhn and is no card.
        if digits[0] in "23456" and len(set(digits)) > 1 and luhn.is_valid(digits):
            yield Finding(match.start(), match.end(), "card")


def _addresses(text: str) -> Iterator[Finding]:
    for match in chain(_IPV4.finditer(text), _IPV6.finditer(text) if text.count(":") > 1 else ()):
        try:
            ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if _NUMBERED.search(text, max(0, match.start() - 12), match.start()):
            continue
        if match.group() not in ("::", "0.0.0.0") and (":" not in match.group() or len(match.group()) > 5):
            yield Finding(match.start(), match.end(), "ip")


def _ids(text: str) -> Iterator[Finding]:
    for match in _DASHED_SSN.finditer(text):
        if us_ssn.is_valid(match.group()) or us_itin.is_valid(match.group()):
            yield Finding(match.start(), match.end(), "id")
    hints = [match.start() for match in _HINTS.finditer(text)]
    for match in _ID.finditer(text):
        number = match.group()
        # Long forms with their own letters are certain enough alone.
        certain = codicefiscale.is_valid(number) or (len(number) >= 13 and fr_nir.is_valid(number))
        if certain or (_near(hints, match.start()) and any(one.is_valid(number) for one in _NATIONAL)):
            yield Finding(match.start(), match.end(), "id")


_NATIONAL = (es_dni, es_nie, nl_bsn, de_idnr, gb_nhs, us_ssn, us_itin, ar_dni)


def _near(hints: list[int], place: int) -> bool:
    nearest = bisect_left(hints, place - _HINT_REACH)
    return nearest < len(hints) and hints[nearest] <= place + _HINT_REACH


def _phones(text: str) -> Iterator[Finding]:
    hints: list[int] | None = None
    for match in _PHONE.finditer(text):
        number = match.group()
        count = sum(letter.isdigit() for letter in number)
        if not 8 <= count <= 15:
            continue
        if number.startswith(("+", "(")) or (number.startswith("00") and count > 10):
            yield Finding(match.start(), match.end(), "phone")
            continue
        if hints is None:
            hints = [hint.start() for hint in _PHONE_HINT.finditer(text)]
        grouped = sum(letter in " ./-" for letter in number) >= 2 and count >= 9 and not _looks_like_date(number)
        if grouped or _near(hints, match.start()):
            yield Finding(match.start(), match.end(), "phone")


def _looks_like_date(number: str) -> bool:
    return bool(
        re.match(r"(?:19|20)\d\d[-/. ]\d\d?[-/. ]\d\d?(?!\d)|\d\d?[-/. ]\d\d?[-/. ](?:19|20)\d\d(?!\d)", number)
    )


_FINDERS: tuple[Finder, ...] = (_emails, _secrets, _ibans, _cards, _addresses, _ids, _phones)
# Most texts are prose: without two digits together only these can find anything.
_WITHOUT_DIGITS: tuple[Finder, ...] = (_emails, _secrets, _addresses)
