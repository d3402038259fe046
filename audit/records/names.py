"""Names of people in texts: what a model's labels say of Latin script, and what stands beside a name in Arabic. Pure.

Names have no form and no check digits. For Latin script a small model labels tokens (audit.names). None for Arabic is to be
had as a package, so Arabic names are found by what stands before or in them: a title, `my name is`, `son of`, `servant of`.
That finds who is introduced, not who is merely mentioned; docs/reference/record.md, 10, has the figures.
"""

import re
from collections.abc import Iterable, Iterator

from audit.records.personal import Finding

KIND = "name"

# A word of Arabic letters, with the marks that may stand on them.
_WORD = r"[\u0621-\u064A\u064B-\u0652\u0671]{2,20}"
# What follows one of these is a name.
_BEFORE = re.compile(
    r"(?<!\w)(?:[وفل]?"
    r"(?:اسمي|إسمي|اسمه|اسمها|يدعى|تدعى|المدعو|المدعوة"
    r"|السيد|السيدة|الآنسة|الأستاذ|الأستاذة|الدكتور|الدكتورة|المهندس|المهندسة|الشيخ|الحاج|الحاجة|المحامي|المحامية"
    r"|زميلي|زميلتي|صديقي|صديقتي|أخي|أختي|زوجي|زوجتي|ابني|ابنتي|جاري|جارتي|مديري|مديرتي)|[دأم]\.)"
    rf"\s*(?:هو|هي)?\s+(?P<name>{_WORD})"
)
# Names that carry their own mark: `servant of the ...` in one word or two, `father of`, and who is somebody's child.
_MARKED = re.compile(
    rf"(?<!\w)(?:[وفبل]?(?P<servant>عبد\s?ال{_WORD})|(?P<father>[أا]بو\s+(?!ظبي|الهول){_WORD})"
    rf"|(?P<child>{_WORD}\s+(?:بن|بنت)\s+{_WORD}))"
)
# What may follow the first word of a name: a second one that is a family's or a tribe's, or a father's.
_AFTER = re.compile(rf"\s+(?:(?:بن|بنت|ابن|آل|[أا]بو)\s+{_WORD}|عبد\s?ال{_WORD}|ال{_WORD}(?:ي|ية)(?!\w))")
# Parts that are taken for one name behind its first word.
_FURTHER = 3
# After a title these are no names; words with the article are an office (`the minister`).
_NO_NAME = re.compile(
    "في|من|إلى|على|عن|مع|أن|إن|كان|كانت|يكون|هو|هي|هذا|هذه|ذلك|الذي|التي|لا|لم|لن|قد|هل|ما|كما|كل|بعد|قبل|عند|منذ|غير"
    "|ليس|ليست|جدا|طويل|قصير|معروف|غريب|جميل"
)


def arabic(text: str) -> Iterator[Finding]:
    """Yield the names in an Arabic text that something beside them shows."""
    end = 0
    for match in sorted((*_BEFORE.finditer(text), *_MARKED.finditer(text)), key=_start):
        start = _start(match)
        if start < end or not _is_name(match):
            continue
        end = match.end()
        for _ in range(_FURTHER):
            further = _AFTER.match(text, end)
            end = further.end() if further is not None else end
        yield Finding(start, end, KIND)


def _start(match: re.Match[str]) -> int:
    group = match.lastgroup
    assert group is not None
    return match.start(group)


def _is_name(match: re.Match[str]) -> bool:
    if match.lastgroup != "name":
        return True
    word = match["name"]
    return not _NO_NAME.fullmatch(word) and not word.startswith("ال")


def joined(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Finding]:
    """Yield the names that labelled pieces of a text make, in order: whole words, and neighbouring ones together."""
    start = end = -1
    for begin, stop in spans:
        first, last = _whole(text, begin, stop)
        if start >= 0 and first - end <= 2 and not text[end:first].strip(" -'’."):
            end = max(end, last)
            continue
        if start >= 0:
            yield Finding(start, end, KIND)
        start, end = first, last
    if start >= 0:
        yield Finding(start, end, KIND)


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end
