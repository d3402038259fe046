"""Rules that flag a turn: personal data, words, cost, refusal, prompt injection."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from audit.records import personal
from audit.records.words import fold

_REFUSAL = re.compile(
    r"\b(?:i(?:'|’)?m sorry,? but|i (?:can(?:no|')t|can’t|am unable to|won(?:'|’)t|will not|must decline)"
    r"|i(?:'|’)m (?:not able|unable) to|as an ai(?: language)? model|against my (?:guidelines|programming))\b"
    r"|لا أستطيع|لا يمكنني|أعتذر[،,]|عذرا[ً]?[،,]",
    re.IGNORECASE,
)
_INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,30}\b(?:previous|prior|above|earlier|all|your|the)\b.{0,20}"
    r"\b(?:instructions?|prompts?|rules|guidelines|directions)\b"
    r"|\b(?:reveal|show|print|repeat|output)\b.{0,30}\b(?:system prompt|initial prompt|hidden instructions)\b"
    r"|\byou are (?:now|no longer)\b.{0,40}\b(?:dan|jailbroken|unrestricted|developer mode|bound by)\b"
    r"|\bdo anything now\b|\bpretend (?:you have no|there are no) (?:rules|restrictions|guidelines)\b"
    r"|<\|(?:im_start|im_end|system)\|>|\[/?INST\]"
    r"|تجاهل.{0,20}(?:التعليمات|الأوامر)|انس.{0,20}التعليمات",
    re.IGNORECASE | re.DOTALL,
)
# From this score on a prompt is flagged, unless the rule's value says otherwise. From 0.81 on, where its makers set it, the
# model takes two of a hundred short turns of service chats for an attack, from here on one of some three hundred.
INJECTION_SCORE = 0.9
# A refusal stands at the beginning; an answer that quotes one far below is none.
_REFUSAL_REACH = 300


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule as its table row has it."""

    name: str
    category: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that a turn met: on which side (`prompt` or `answer`), and a detail that repeats nothing of the text."""

    rule: str
    category: str
    side: str
    detail: str = ""


# In force unless a row of the same name says otherwise.
BUILT_IN = (
    RuleSpec("personal data", "personal"),
    RuleSpec("refusal", "refusal"),
    RuleSpec("prompt injection", "injection"),
)


def examine(
    rules: Iterable[RuleSpec], prompt: str, answer: str, cost_nano: int, injection: float | None = None
) -> list[Hit]:
    """Return the rules that a turn meets. Linear in its texts.

    `injection` is from 0 to 1 how much the prompt looks like an attack to a model, None when none looked at it.
    """
    return [hit for rule in rules for hit in _hits(rule, prompt, answer, cost_nano, injection)]


def _hits(rule: RuleSpec, prompt: str, answer: str, cost_nano: int, injection: float | None) -> Iterator[Hit]:
    match rule.category:
        case "personal" | "words":
            for side, text in (("prompt", prompt), ("answer", answer)):
                detail = _personal(rule.value, text) if rule.category == "personal" else _words(rule.value, text)
                if detail:
                    yield Hit(rule.name, rule.category, side, detail)
        case "cost":
            if cost_nano >= _nano(rule.value) > 0:
                yield Hit(rule.name, rule.category, "answer", f"${Decimal(cost_nano) / 10**9:.6f}")
        case "refusal":
            if _REFUSAL.search(answer[:_REFUSAL_REACH]):
                yield Hit(rule.name, rule.category, "answer")
        case "injection":
            likely = injection is not None and injection >= _share(rule.value)
            if likely or _INJECTION.search(prompt):
                yield Hit(rule.name, rule.category, "prompt", "" if injection is None else f"score {injection:.2f}")


def _personal(wanted: str, text: str) -> str:
    kinds = Counter(finding.kind for finding in personal.find(text))
    only = set(wanted.split()) or kinds.keys()
    return ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()) if kind in only)[:100]


def _words(wanted: str, text: str) -> str:
    words = [fold(line.strip()) for line in wanted.splitlines() if line.strip()]
    if not words:
        return ""
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)")
    count = sum(1 for _ in pattern.finditer(fold(text)))
    return str(count) if count else ""


def _share(value: str) -> float:
    try:
        return float(value.strip() or INJECTION_SCORE)
    except ValueError:
        return INJECTION_SCORE


def _nano(dollars: str) -> int:
    try:
        return int(Decimal(dollars.strip() or "0") * 10**9)
    except (InvalidOperation, ValueError):
        return 0
