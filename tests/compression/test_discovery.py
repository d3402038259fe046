"""The miner and what belongs to it: privacy, bounds, linear work, resumption."""

import random
import string
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compression.codec import Template
from compression.codec.template import MAX_PARTS
from compression.discovery import (
    Level,
    Limits,
    Miner,
    SlotKind,
    carrying_cost,
    choose,
    conservative,
    cover,
    slot_kind,
)
from compression.discovery.align import Alignment, common
from compression.discovery.outline import Change, Outline, steadiest
from compression.discovery.personal import without_personal
from compression.discovery.sketches import Sketches
from compression.discovery.tokens import sentences, sentences_of, tokens, words
from streaming.flow.segment import Segmenter

NAMES = ("Ada", "Wei Chen", "Maria del Mar", "Kofi", "Ali Ben Salem", "Jo", "Ingrid von Stein", "Yuki")
PARTS = {
    "parcel": ("Hello ", ", your parcel for ", " has left our warehouse and arrives soon. Please keep the slip."),
    "refund": ("Dear ", ", the refund for ", " was sent today. Banks need up to three working days to book it."),
    "visit": ("Good morning ", "! A mechanic comes to ", " between nine and noon. Somebody has to open the door."),
}
WORDS = st.text(st.sampled_from("abc \n.,!?1é…\u064a"), max_size=40)


def answer(kind: str, chance: random.Random) -> str:
    return Template(1, PARTS[kind]).fill(
        [chance.choice(NAMES), " ".join(chance.choices(NAMES, k=chance.randint(1, 3)))]
    )


def traffic(count: int, users: int = 40) -> list[tuple[str, str]]:
    chance = random.Random(7)
    return [(f"u{chance.randrange(users)}", answer(chance.choice(list(PARTS)), chance)) for _ in range(count)]


def prose(count: int, seed: int = 3) -> list[tuple[str, str]]:
    chance = random.Random(seed)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(3_000)]
    return [(f"u{number}", " ".join(chance.choices(words, k=60))) for number in range(count)]


def mined(answers: list[tuple[str, str]], batch: int = 100, **options: object) -> Miner:
    miner = Miner(**options)  # type: ignore[arg-type]
    for start in range(0, len(answers), batch):
        miner.add(answers[start : start + batch])
    miner.finish()
    return miner


# -- tokens, sentences, alignment ----------------------------------------------------------------------------------


@given(st.text())
def test_tokens_and_sentences_lose_nothing(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert "".join(sentences(text)) == text


@given(WORDS)
def test_sentences_are_those_of_streams(text: str) -> None:
    segmenter = Segmenter()
    segmenter.feed(text)
    assert sentences(text) == segmenter.take()


@given(st.lists(WORDS.filter(bool), min_size=1, max_size=4), st.lists(st.sampled_from(["x", "two words"]), min_size=3))
def test_the_sentences_of_a_template_make_its_text(parts: list[str], values: list[str]) -> None:
    pieces = sentences_of(tuple(parts))
    slots = iter(values)
    made = "".join(Template(1, piece).fill([next(slots) for _ in piece[1:]]) for piece in pieces if piece != ("", ""))
    expected = Template(1, tuple(parts)).fill(values[: len(parts) - 1])
    assert sum(len(piece) - 1 for piece in pieces) == len(parts) - 1
    if all(piece != ("", "") for piece in pieces):
        assert made == expected


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_a_longest_common_subsequence(one: list[str], other: list[str]) -> None:
    pairs = [(block.one + n, block.other + n) for block in common(one, other) for n in range(block.size)]
    assert all(one[left] == other[right] for left, right in pairs)
    assert all(before[0] < after[0] and before[1] < after[1] for before, after in pairwise(pairs))
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for left, token in enumerate(one):
        for right, second in enumerate(other):
            same = table[left][right] + 1 if token == second else 0
            table[left + 1][right + 1] = max(same, table[left][right + 1], table[left + 1][right])
    assert len(pairs) == table[-1][-1]


@given(st.lists(WORDS, min_size=2, max_size=5))
def test_an_alignment_makes_all_its_members(texts: list[str]) -> None:
    alignment = Alignment(tokens(texts[0]))
    for text in texts[1:]:
        assert alignment.add(tokens(text), 0)
    parts = alignment.parts()
    assert len(parts) <= MAX_PARTS
    if "".join(parts):
        template = Template(1, parts)
        assert all(template.match(text) is not None for text in texts)


# -- outlines ------------------------------------------------------------------------------------------------------

SENTENCES = ["We are here. ", "Come at noon ", "Ask for help.", " and stay", "Go.\n", "1 2 3"]
SPOKEN = st.permutations(SENTENCES).flatmap(
    lambda said: st.lists(st.integers(0, 3), min_size=1, max_size=6).map(lambda ends: _cut(said, ends))
)


def _cut(said: list[str], ends: list[int]) -> list[str]:
    """Return parts made of what was said; a part ends behind each that has a 0."""
    parts = [""]
    for piece, end in zip(said, ends, strict=False):
        parts[-1] += piece
        parts += [""] if end == 0 else []
    return parts


@given(SPOKEN, st.lists(st.sampled_from(["x", "two words", ""]), min_size=6, max_size=6), st.text("ab .", max_size=9))
def test_without_a_piece_a_template_makes_all_that_it_made_and_more(
    parts: list[str], values: list[str], other: str
) -> None:
    outline = Outline.of(parts)
    assert "".join(outline.pieces) == "".join(parts)
    assert list(outline.words) == [word for part in parts for word in words(part)]
    text = Template(1, tuple(parts)).fill(values[: len(parts) - 1])
    for number, piece in enumerate(outline.pieces):
        left = outline.without(number)
        if "".join(left):
            assert _makes(left, text)
            assert _makes(left, text.replace(piece, other)) or text.count(piece) != 1


def test_an_outline_tells_words_that_were_changed_from_news() -> None:
    outline = Outline.of(PARTS["parcel"])
    said = "Hello Ada, your packet for Wei Chen has left our warehouse and arrives soon. Please keep the slip."
    (change,) = outline.changes(words(said))
    assert outline.words[change.begin : change.end] == ("parcel",)
    assert outline.touched([change]) == (1,)
    assert not outline.beside_slots([change])
    assert outline.beside_slots(outline.changes(words(said.replace("packet for", "parcel to"))))
    assert outline.changes(words(said + " Call us on Friday at noon if you cannot find it.")) == []
    assert outline.changes(words("Hello Ada, there is nothing for you.")) == []
    assert steadiest([[change], [change], [Change(9, 9)]]) == pytest.approx(2 / 3)


# -- sketches ------------------------------------------------------------------------------------------------------


def test_a_sketch_has_what_several_users_said_and_no_slots() -> None:
    sketches = Sketches(3, 1_000)
    first, second = (f"Dear {name}, your parcel has left our warehouse today." for name in ("Ada", "Wei Chen"))
    alone = "Nobody else ever said anything of this kind at all, as far as is known."
    assert sketches.take([first, first], [1, 1])[0] == sketches.take([first])[0]
    one, other, none = sketches.take([first, second, alone], [1, 2, 3])
    assert set(one) == set(other)
    assert len(one) == len(tokens(first)) - 2
    # A text without anything shared is known by all it has; counting it in changes nothing for the others.
    assert len(none) == len(tokens(alone))
    assert sketches.take([first, second]) == [one, other]


@given(st.lists(st.tuples(st.text("abc !", max_size=18), st.integers(0, 63)), max_size=30))
def test_sketches_do_not_depend_on_how_texts_are_put_together(rows: list[tuple[str, int]]) -> None:
    sketches, resumed = Sketches(2, 500), Sketches(2, 500)
    together = sketches.take([text for text, _ in rows], [user for _, user in rows])
    resumed.restore(sketches.state())
    again = [resumed.take([text])[0] for text, _ in rows]
    assert again == together
    assert all(list(sketch) == sorted(set(sketch)) for sketch in together)


def test_a_state_of_other_limits_is_refused() -> None:
    with pytest.raises(ValueError, match="limits"):
        Sketches(2, 500).restore(Sketches(2, 5_000).state())


# -- what is found -------------------------------------------------------------------------------------------------


def test_templates_are_found_whole_with_slots_of_several_words() -> None:
    found = mined(traffic(600)).found()
    messages = {one.parts for one in found if one.level is Level.MESSAGE}
    assert messages == set(PARTS.values())
    pieces = {one.parts for one in found if one.level is Level.SENTENCE}
    assert (" Please keep the slip.",) in pieces
    assert (*PARTS["refund"][:2], " was sent today.") in pieces


def test_a_constant_of_the_first_answers_becomes_a_slot_later() -> None:
    chance = random.Random(1)
    first = [(f"u{n}", Template(1, PARTS["parcel"]).fill([chance.choice(NAMES), "Jo"])) for n in range(30)]
    found = mined([*first, *traffic(600)]).found()
    assert PARTS["parcel"] in {one.parts for one in found}


def test_words_changed_by_chance_make_no_further_templates() -> None:
    chance = random.Random(5)
    answers = []
    for user, text in traffic(3_000, users=400):
        words = text.split(" ")
        if chance.random() < 0.3:
            for _ in range(2):
                words[chance.randrange(len(words))] = "".join(chance.choices(string.ascii_lowercase, k=6))
        answers.append((user, " ".join(words)))
    miner = mined(answers, levels=[Level.MESSAGE])
    # What most texts come from keeps its fixed text, though it was seen with each of its words changed.
    for one, parts in zip(sorted(found.parts for found in miner.found()[:3]), sorted(PARTS.values()), strict=True):
        assert one[0][:4] == parts[0][:4]
        assert len("".join(one)) > 0.8 * len("".join(parts))
    # A text with changed words still belongs to its template.
    assert miner.nearest(answers[0][1].replace("parcel for", "packet for")) is not None


def test_texts_with_a_word_changed_in_one_sentence_have_a_variant_and_stay_with_their_template() -> None:
    chance = random.Random(2)
    changed = []
    for number in range(60):
        said, rest = answer("visit", chance).split("Somebody ")
        last = rest.split(" ")
        last[chance.randrange(len(last))] = "".join(chance.choices(string.ascii_lowercase, k=6))
        changed.append((f"v{number}", said + "Somebody " + " ".join(last)))
    answers = [*traffic(600), *changed]
    miner = mined(answers, levels=[Level.MESSAGE])
    found = {one.parts: one for one in miner.found()}
    assert found.keys() >= set(PARTS.values())
    # What they have in common, with a slot for the sentence; each of the words had its slot else, or none.
    (wide,) = [one for one in found.values() if one.parts not in PARTS.values()]
    assert wide.parts[:2] == PARTS["visit"][:2]
    assert all(_makes(wide.parts, text) for _, text in changed)
    assert wide.users >= 5
    groups = {miner.nearest(text) for _, text in changed}
    assert groups == {miner.nearest(answer("visit", chance))}


def test_what_free_texts_have_in_common_by_chance_is_no_template() -> None:
    chance = random.Random(9)
    base = ["".join(chance.choices(string.ascii_lowercase, k=6)) for _ in range(40)]
    free = []
    for number in range(200):
        # Every third word is the writer's own.
        said = [
            word if place % 3 else "".join(chance.choices(string.ascii_lowercase, k=6))
            for place, word in enumerate(base)
        ]
        free.append((f"u{number}", " ".join(said)))
    assert mined(free, levels=[Level.MESSAGE]).found() == []


def test_a_template_that_just_so_many_users_share_is_found() -> None:
    for kind, parts in PARTS.items():
        chance = random.Random(4)
        rare = [(f"r{number}", answer(kind, chance)) for number in range(5)]
        common = [one for one in traffic(400) if not _makes(parts, one[1])]
        answers = [*common, *rare]
        chance.shuffle(answers)
        assert any(_makes(one.parts, rare[0][1]) for one in mined(answers, levels=[Level.MESSAGE]).found())
        fewer = [one for one in answers if one != rare[0]]
        assert not any(_makes(one.parts, rare[1][1]) for one in mined(fewer, levels=[Level.MESSAGE]).found())


def test_a_variant_with_another_sentence_is_no_noise() -> None:
    chance = random.Random(6)
    other = (
        *PARTS["visit"][:2],
        PARTS["visit"][2] + " If nobody can be there, please tell us by Friday at noon, so that we find another day.",
    )
    both = [*traffic(400)]
    for number in range(80):
        both.append((f"v{number}", Template(1, other).fill([chance.choice(NAMES), chance.choice(NAMES)])))
    chance.shuffle(both)
    found = {one.parts for one in mined(both, levels=[Level.MESSAGE]).found()}
    assert found >= {other, PARTS["visit"]}


def test_prose_makes_no_templates() -> None:
    assert mined(prose(500)).found() == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), WORDS), max_size=60))
def test_every_template_is_made_of_text_of_k_users(answers: list[tuple[str, str]]) -> None:
    for one in mined(answers, k=3).found():
        made = {user for user, text in answers if any(_makes(one.parts, piece) for piece in (text, *sentences(text)))}
        assert len(made) >= 3


def _makes(parts: tuple[str, ...], text: str) -> bool:
    return Template(1, parts).match(text) is not None


def test_secrets_of_single_users_never_come_out() -> None:
    chance = random.Random(11)
    secrets = ["".join(chance.choices(string.ascii_letters, k=14)) for _ in range(1_000)]
    planted = []
    for number, secret in enumerate(secrets):
        kind = number % 4
        text = answer(chance.choice(list(PARTS)), chance)
        if kind == 0:  # in a slot
            text = Template(1, PARTS["parcel"]).fill([secret, "Jo"])
        elif kind == 1:  # in the middle of fixed text
            text = text.replace(" today", f" today {secret}").replace(" soon", f" {secret} soon")
        elif kind == 2:  # a text of one's own, said again and again
            text = f"The word that opens the vault on the third floor is {secret}, tell nobody about it."
        planted += [(f"spy{number}", text)] * (8 if kind == 2 else 1)
    answers = [*planted, *traffic(800)]
    chance.shuffle(answers)
    miner = mined(answers)
    fixed = "\0".join(part for one in miner.found() for part in one.parts) + cover(answers, 50_000)
    assert any(_makes(one.parts, answer("refund", chance)) for one in miner.found())
    assert not [secret for secret in secrets if secret in fixed]


def test_personal_data_of_many_users_becomes_a_slot() -> None:
    text = "Write to {} or call +44 20 8698 6925 as soon as you can, we are glad to help you with {}."
    answers = [(f"u{n}", text.format("help@kestrel.shop", name)) for n, name in enumerate(NAMES * 3)]
    (found, *_) = mined(answers).found()
    assert found.parts[0] == "Write to "
    assert not any("kestrel" in part or "8698" in part for part in found.parts)
    assert "kestrel" not in cover(answers, 10_000)
    assert "8698" not in cover(answers, 10_000)
    never = mined(answers, personal=lambda piece: [(0, len(piece))])
    assert never.found() == []


@given(st.text(max_size=60))
def test_the_check_for_personal_data_takes_all_of_it(text: str) -> None:
    assert without_personal((text,), lambda piece: [(0, len(piece))] if piece else []) in {("",), ("", "")}
    for start, end in conservative(text):
        assert 0 <= start < end <= len(text)


# -- bounds --------------------------------------------------------------------------------------------------------


def test_memory_is_bounded() -> None:
    limits = Limits(pending=200, grams=2_000, clusters=5)
    miner = Miner(limits=limits)
    sizes = []
    tracemalloc.start()
    try:
        for start in range(8):
            miner.add(prose(400, seed=start))
            sizes.append((miner.size, tracemalloc.get_traced_memory()[0]))
    finally:
        tracemalloc.stop()
    assert max(size for size, _ in sizes) < 2 * (2_000 * 2 + 2_000 + 200 + 2 * 12 * 12 * 200)
    assert sizes[-1][1] < 1.5 * sizes[3][1]
    miner.add([("u", "x" * 20_000)])


def test_work_is_linear() -> None:
    def work(count: int) -> Iterator[int]:
        for answers in (traffic(count), prose(count)):
            yield mined(answers, batch=500).work + 1

    for small, large in zip(work(400), work(4_000), strict=True):
        assert large <= 11 * small


def another(chance: random.Random) -> str:
    """Return a text that is always the same but for one word."""
    said = Template(1, PARTS["parcel"]).fill(["Ada", "Kofi"])
    return said.replace("parcel", "".join(chance.choices(string.ascii_lowercase, k=7)))


@pytest.mark.parametrize("order", ["before", "among", "after"])
@pytest.mark.parametrize("levels", [[Level.MESSAGE], [Level.SENTENCE]])
def test_who_says_the_same_very_often_does_not_hide_what_several_said(order: str, levels: list[Level]) -> None:
    chance = random.Random(3)
    much = [("flood", another(chance)) for _ in range(800)]
    others = [(f"u{number}", another(chance)) for number in range(4)]
    answers = [*much, *others] if order == "before" else [*others, *much]
    if order == "among":
        chance.shuffle(answers)
    found = mined(answers, levels=levels).found()
    assert any(part.endswith(", your ") for one in found for part in one.parts)
    # Four users are too few, however often one of them says it.
    few = mined([one for one in answers if one[0] != "u0"], levels=levels).found()
    assert not any(part.endswith(", your ") for one in few for part in one.parts)


def another_by_three(chance: random.Random) -> str:
    """Return a text that is always the same but for three words: too different to take the place of another such text."""
    words = Template(1, PARTS["parcel"]).fill(["Ada", "Kofi"]).split(" ")
    for place in chance.sample(range(len(words)), 3):
        words[place] = "".join(chance.choices(string.ascii_lowercase, k=7))
    return " ".join(words)


@pytest.mark.parametrize("users", [1, 4])
@pytest.mark.parametrize("level", list(Level))
def test_who_says_much_that_differs_each_time_does_not_take_the_places_of_others(users: int, level: Level) -> None:
    chance = random.Random(3)
    said = Template(1, PARTS["parcel"]).fill(["Ada", "Kofi"])
    answers = []
    for number in range(5):
        answers.append((f"u{number}", said))
        answers += [(f"flood{one % users}", another_by_three(chance)) for one in range(2_000)]
    found = mined(answers, levels=[level], limits=Limits(pending=300)).found()
    assert any(_makes(one.parts, piece) for one in found for piece in (said, *sentences(said)))


@pytest.mark.parametrize("users", [1, 8])
def test_much_of_the_same_that_makes_no_template_is_little_work(users: int) -> None:
    chance = random.Random(5)
    base = ["".join(chance.choices(string.ascii_lowercase, k=7)) for _ in range(60)]

    def said() -> str:
        """Every fourth word changes: alike enough to try, too different for a template."""
        return " ".join(
            one if n % 4 else "".join(chance.choices(string.ascii_lowercase, k=7)) for n, one in enumerate(base)
        )

    answers = [(f"flood{number % users}", said()) for number in range(600)] + [
        (f"u{number}", said()) for number in range(4)
    ]
    chance.shuffle(answers)
    miner = mined(answers, levels=[Level.MESSAGE])
    assert miner.found() == []
    assert 0 < miner.work < 2 * len(answers)


def test_a_miner_goes_on_elsewhere_as_if_it_had_stayed() -> None:
    answers = [*traffic(300), *prose(50)]
    whole, begun = Miner(), Miner()
    for miner in (whole, begun):
        miner.add(answers[:200])
    resumed = Miner.from_state(begun.state())
    for miner in (whole, resumed):
        miner.add(answers[200:])
        miner.finish()
    assert resumed.found() == whole.found()
    assert resumed.added == len(answers)


@pytest.mark.parametrize("state", [b"", b"nonsense", b"x\x9c\xab\x56\x02\x00\x00\xf0\x00\xb5"])
def test_what_is_no_state_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="state"):
        Miner.from_state(state)


def test_one_user_is_never_enough() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Miner(k=1)


# -- the choice ----------------------------------------------------------------------------------------------------


def test_what_saves_less_than_it_costs_is_left_out() -> None:
    held_out = ["Your order 17 is on its way."] * 20 + ["Hello."] + ["Something else entirely."] * 5
    useful, rare, wide = (
        Template(1, ("Your order ", " is on its way.")),
        Template(2, ("Hello.",)),
        Template(3, ("Your ", ".")),
    )
    chosen = choose([useful, rare, wide], held_out, len)
    assert [one.template for one in chosen] == [useful]
    assert chosen[0].hits == 20
    assert chosen[0].saved == 20 * (len(held_out[0]) - useful.coded_size(["17"]))
    assert chosen[0].carrying == carrying_cost(useful)
    assert [one.template.id for one in choose([useful, rare, wide], held_out, len, horizon=10)] == [1, 2]
    assert len(choose([useful, rare], held_out, len, horizon=10, limit=1)) == 1


def test_the_dictionary_holds_what_many_have_in_common() -> None:
    text = cover(traffic(400), 400, generic="Generic words come first.\0")
    assert text.startswith("Generic words come first.\0")
    assert text.endswith("\0")
    assert "arrives soon" in text
    assert len(text) <= 400
    assert cover(traffic(400), 10_000) == cover(traffic(400), 10_000)
    assert cover([("one", "Only a single user has ever seen this sentence.")] * 50, 1_000) == ""
    assert len(cover([], 10, generic="Generic words come first.")) <= 10


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "-30"], SlotKind.NUMBER),
        (["2026-01-02", "3/4/2025"], SlotKind.DATE),
        (["$1,200", "€5"], SlotKind.AMOUNT),
        (["ORD-123", "#77812"], SlotKind.ID),
        (["Ada", "Wei Chen"], SlotKind.NAME),
        (["red", "blue", "red", "blue"], SlotKind.LIST),
        (["what ever they say", "at all"], SlotKind.TEXT),
        ([], SlotKind.TEXT),
    ],
)
def test_kinds_of_slots(values: list[str], kind: SlotKind) -> None:
    assert slot_kind(values) is kind
