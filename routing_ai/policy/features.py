"""What can be seen of a question without understanding it: the numbers that the classifier weighs, and its language."""

import math
import re
from collections.abc import Mapping

# A question of any length is judged by its beginning: what follows is material. Bounds the work, too (some 2 ms).
LIMIT = 20_000
# So many characters of an option are held against the others: two that begin alike are alike, and ten options are 45 pairs.
OPTION_LIMIT = 200
# Letters in a row that options may share: less than a word, so that "gained" is like "gains", with or without spaces.
_RUN = 4

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MATHS = re.compile(r"[=+*/^<>≤≥√∑∫π∞≈±×÷°]|\\[a-z]+|\$")
# What keyboards lack: signs of logic and mathematics, arrows.
_SYMBOL = re.compile(r"[¬°±×÷\u2190-\u22ff\u27c0-\u27ff\u2900-\u2aff]")
_CODE = re.compile(r"```|\bdef |\bclass |\breturn |\bimport |for \(|[{};][ \t]*$|==|!=|->|\w\(\w*\)", re.M)
_PROGRAMMING = re.compile(
    r"\b(?:sql|regex|python|javascript|typescript|java|rust|golang|c\+\+|bash|html|css|api|algorithm|compiler|unit tests?"
    r"|stack trace|write a (?:function|script|program|query|class))\b|\b(?:برمجة|خوارزمية|دالة|كود)\b",
    re.I,
)
_OPTION = re.compile(r"^[ \t]*\(?([A-Ja-j]|[أ-ي])[.):][ \t]*(\S.*)$", re.M)
_SENTENCE = re.compile(r"[.!?؟。！？]+(?:\s|$)")
# What a test form ends in is no part of the question.
_FORM = re.compile(r"\b(?:answer|الإجابة|الجواب) ?:\Z", re.I)
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|twenty|thirty|forty|fifty|sixty|seventy|eighty"
    r"|ninety|hundred|thousand|twice|half|double|triple|third|quarter)\b"
    r"|\b(?:اثنان|اثنين|ثلاثة|أربعة|خمسة|ستة|سبعة|ثمانية|تسعة|عشرة|عشرون|عشرين|مئة|ألف|ضعف|نصف|ثلث|ربع)\b",
    re.I,
)
_ARABIC_WORD = re.compile(r"[\u0620-\u064a]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# One list a meaning, in English and Arabic; Arabic words are met with the particles that are written onto them.
_REASONING = re.compile(
    r"\b(?:why|explain|prove|derive|show that|compare|analy[sz]e|evaluate|calculate|compute|determine|solve|design|refactor"
    r"|debug|optimi[sz]e|step by step|trade-?offs?|in detail)\b"
    r"|\b(?:و|ف)?(?:لماذا|اشرح|اثبت|أثبت|برهن|استنتج|قارن|حلل|حلّل|احسب|حل|صمم|خطوة بخطوة|بالتفصيل|علل)\b",
    re.I,
)
_FACT = re.compile(r"\b(?:who|when|where|which|what|whose|whom|name)\b|\b(?:من|متى|أين|اين|أي|ما|ماذا|كم)\b", re.I)
_EFFECT = re.compile(
    r"\b(?:because|cause[sd]?|result(?:s|ed)? (?:in|from)|effect|leads? to|due to|therefore|increase[sd]?|decrease[sd]?"
    r"|higher|lower|rises?|falls?|greater|smaller|more|less)\b"
    r"|\b(?:و|ف)?(?:لأن|بسبب|يسبب|نتيجة|يؤدي|تؤدي|لذلك|يزيد|تزيد|يزداد|تزداد|ينقص|تنقص|زيادة"
    r"|انخفاض|ارتفاع|أعلى|أدنى|أكثر|أقل|أكبر|أصغر)\b",
    re.I,
)
_QUANTITY = re.compile(
    r"\b(?:more|less|fewer|twice|half|third|quarter|percent|times|total|per|each|remaining|left|average|ratio|rate|sum"
    r"|double|triple|difference|how (?:many|much))\b|%"
    r"|\b(?:و|ب)?(?:أكثر|أقل|ضعف|نصف|ثلث|ربع|مجموع|متوسط|نسبة|الباقي|الفرق)\b",
    re.I,
)
_URGENT = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately|quick(?:ly)?|right now|emergency)\b"
    r"|\b(?:عاجل|فورا|فوراً|بسرعة|حالا)\b",
    re.I,
)


def language(text: str) -> str:
    """Return the language by its script: ar, he, ru, el, zh, ja, ko, hi, th, or latin for all that is written so."""
    counts: dict[str, int] = {}
    for character in text[:2_000]:
        if character.isalpha():
            name = _script(ord(character))
            counts[name] = counts.get(name, 0) + 1
    if counts.get("ja"):
        return "ja"
    return max(counts, key=lambda name: counts[name], default="latin")


_SCRIPTS = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "ru"), (0x0590, 0x05FF, "he"), (0x0600, 0x06FF, "ar"), (0x0750, 0x077F, "ar"),
    (0x0900, 0x097F, "hi"), (0x0E00, 0x0E7F, "th"), (0x3040, 0x30FF, "ja"), (0x3400, 0x9FFF, "zh"), (0xAC00, 0xD7AF, "ko"),
)  # fmt: skip


def _script(code: int) -> str:
    return next((name for first, last, name in _SCRIPTS if first <= code <= last), "latin")


def urgent(text: str) -> bool:
    """Return whether the question says that it is urgent."""
    return bool(_URGENT.search(text[:LIMIT]))


def reasoning(text: str) -> int:
    """Return how many words of the question ask for reasoning."""
    return len(_REASONING.findall(text[:LIMIT]))


def domain(features: Mapping[str, float]) -> str:
    """Return what kind of question it is: choice, code, maths, or prose."""
    if features["options"] >= 2:
        return "choice"
    if features["code"] > math.log1p(2) or features["programming"]:
        return "code"
    if features["maths"] > math.log1p(3) or (features["figures"] > math.log1p(1) and features["quantity"] > 0):
        return "maths"
    return "prose"


def features(text: str) -> dict[str, float]:
    """Return the numbers by name; counts as logarithms, shares from 0 to 1."""
    text = text[:LIMIT]
    options = [match[2] for match in _OPTION.finditer(text)]
    stem = _FORM.sub("", (_OPTION.sub("", text) if len(options) >= 2 else text).strip()).strip()
    words = _WORD.findall(stem)
    # Scripts without spaces: some two characters a word.
    # Arabic writes articles, conjunctions and pronouns onto its words: some four words where English has five.
    arabic = len(_ARABIC_WORD.findall(stem))
    count = max(1, len(words) + arabic // 4 + len(_CJK.findall(stem)) // 2)
    numbers = _NUMBER.findall(stem)

    def found(pattern: re.Pattern[str], within: str = stem) -> float:
        return math.log1p(len(pattern.findall(within)))

    return {
        "words": math.log1p(count),
        "capitals": sum(word[0].isupper() for word in words[1:]) / count,
        "sentences": found(_SENTENCE),
        "commas": (stem.count(",") + stem.count("،")) / count,
        "brackets": math.log1p(stem.count("(")),
        "symbols": found(_SYMBOL, text),
        "question": float("?" in stem or "؟" in stem),
        "unfinished": float(bool(stem) and stem[-1] not in ".?!:_؟"),
        # A case is told ("A man ...").
        "a_first": float(bool(words) and words[0].lower() == "a"),
        "numbers": math.log1p(len(numbers)),
        "figures": math.log1p(len(numbers) + len(_NUMBER_WORD.findall(stem))),
        "digits": math.log1p(max(map(len, numbers), default=0)),
        "maths": found(_MATHS, text),
        "code": found(_CODE, text),
        "programming": float(bool(_PROGRAMMING.search(stem))),
        "fact": found(_FACT),
        "quantity": found(_QUANTITY),
        "options": float(len(options)) if len(options) >= 2 else 0.0,
        **_of_options(options),
    }


def _of_options(options: list[str]) -> dict[str, float]:
    if len(options) < 2:
        return dict.fromkeys(("option_likeness", "option_effects", "option_contrast", "option_word_length"), 0.0)
    lengths = [len(word) for option in options[:10] for word in _WORD.findall(option)]
    likeness = _likeness([option[:OPTION_LIMIT] for option in options[:10]])
    effects = math.log1p(sum(len(_EFFECT.findall(option)) for option in options))
    return {
        "option_likeness": likeness,
        "option_effects": effects,
        # "Prices rise" beside "prices fall": who tells them apart must know which way things go.
        "option_contrast": likeness * effects,
        "option_word_length": sum(lengths) / max(1, len(lengths)),
    }


def _likeness(options: list[str]) -> float:
    """Return how alike those two are that are most alike, 0 to 1: the share of their runs of letters that are in both. Words
    of cause and comparison count as one, so that options that differ in nothing else are the same."""
    runs = []
    for option in options:
        letters = f" {_EFFECT.sub('#', option).lower()} "
        runs.append({letters[start : start + _RUN] for start in range(max(1, len(letters) - _RUN + 1))})
    return max(len(a & b) / len(a | b) for number, a in enumerate(runs) for b in runs[:number])
