"""By what a template earns its place, and how examples, signs nobody sees and versions are shown."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.changes import changes
from compression.codec import Library, Template
from compression.codec.forms import Forms
from compression.codec.model import Model, default_dictionary
from compression.examples import HIDDEN, discreet, told_apart
from compression.models import Measured
from compression.visible import in_a_line, unseen, visible
from compression.worth import Figures, Judge

ANSWER = "Hello {}, your parcel has left our warehouse and arrives soon. Please keep the slip."
TEMPLATE = Template(200, ("Hello ", ", your parcel has left our warehouse and arrives soon. Please keep the slip."))


@pytest.mark.parametrize(
    ("figures", "carrying", "worth"),
    [
        (Figures(9, 9, 100, 50, 60), 99, Measured.Worth.BYTES),
        (Figures(9, 9, 100, 50, 60), 100, Measured.Worth.SPEED),
        (Figures(9, 9, 100, 59, 60), 100, Measured.Worth.MEANING),
        (Figures(9, 0, 0, 10, 60), 100, Measured.Worth.NONE),
        (Figures(0, 0, 0, 0, 0), 1, Measured.Worth.NONE),
    ],
)
def test_what_counts_is_bytes_then_speed_then_meaning(figures: Figures, carrying: float, worth: Measured.Worth) -> None:
    assert figures.worth(carrying) == worth


def test_what_is_sent_more_often_earns_back_more() -> None:
    figures = Figures(9, 9, 100, 60, 60)
    assert figures.worth(150) == Measured.Worth.MEANING
    assert figures.worth(150, scale=2) == Measured.Worth.BYTES


def test_a_judge_counts_what_the_codec_does() -> None:
    answers = [ANSWER.format(name) for name in ("Ada", "Wei", "Kofi")]
    ticks = count()
    figures = Judge([*answers, "Something else entirely."], None, clock=lambda: float(next(ticks))).judge(TEMPLATE)
    # Each is two sentences, of which no template here makes one; each measurement takes a tick.
    assert (figures.hits, figures.used) == (3, 3)
    assert figures.saved > 3 * 50
    assert (figures.micros, figures.micros_without) == (1e6, 1e6)


def test_beside_a_model_that_knows_the_text_a_template_saves_little() -> None:
    answers = [ANSWER.format(name) for name in ("Ada", "Wei", "Kofi")]
    alone = Judge(answers, None).judge(TEMPLATE)
    primed = Model(default_dictionary() + "".join(TEMPLATE.parts).encode() + b"\0")
    beside = Judge(answers, primed).judge(TEMPLATE)
    assert beside.hits == alone.hits == 3
    assert beside.saved < alone.saved / 5
    assert beside.micros > 0 < beside.micros_without


def test_a_template_that_makes_nothing_has_no_figures() -> None:
    assert Judge(["Something else entirely."], None).judge(TEMPLATE) == Figures(0, 0, 0, 0, 0)
    assert Judge([], None).judge(TEMPLATE).worth(1) == Measured.Worth.NONE


# -- examples ------------------------------------------------------------------------------------------------------


def test_examples_show_what_many_saw_and_blacken_the_rest() -> None:
    forms = (Forms(["Ada", "order □□"]), None)
    template = Template(1, ("Dear ", ", see ", "."), forms)
    texts = ["Dear Ada, see 7.", "Dear order 42, see you.", "Dear Zyxal Q, see .", "Dear order 42, see 8.", "No."]
    assert discreet(template, texts, 9) == [
        f"Dear Ada, see {HIDDEN}.",
        f"Dear order {HIDDEN * 2}, see {HIDDEN * 3}.",
        f"Dear {HIDDEN * 5} {HIDDEN}, see .",
        f"Dear order {HIDDEN * 2}, see {HIDDEN}.",
    ]
    assert len(discreet(template, texts, 2)) == 2


@given(st.lists(st.text(min_size=1).filter(lambda text: ", see " not in text), min_size=1, max_size=5))
def test_no_word_of_a_slot_without_forms_is_shown(values: list[str]) -> None:
    template = Template(1, ("Dear ", ", see ", "!"))
    for text in discreet(template, [template.fill([value, "me"]) for value in values], 9):
        first, _ = template.match(text) or ["?", ""]
        assert set(first.split()) <= {HIDDEN * n for n in range(1, 300)}


def test_hidden_values_are_told_apart() -> None:
    first, second = told_apart([f"Dear {HIDDEN * 3}, {HIDDEN}", f"Dear {HIDDEN * 3}, Ada"])
    assert first.split()[1] != second.split()[1]
    assert second.endswith("Ada")


# -- signs nobody sees -----------------------------------------------------------------------------------------------


def test_signs_that_nobody_sees_are_written_out() -> None:
    assert visible("a\u202eb\u200bc\x07") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0007⟩"
    assert visible("two\nlines\tand مرحبا, 👩\u200d💻") == "two\nlines\tand مرحبا, 👩\u200d💻"
    assert unseen("\u202e \u202e\xad") == ["U+00AD", "U+202E"]
    assert in_a_line("one\ntwo \u2066three" + "x" * 200).startswith("one two ⟨U+2066⟩three")
    assert len(in_a_line("x" * 500)) == 120


@given(st.text())
def test_what_is_visible_has_nothing_unseen(text: str) -> None:
    assert unseen(visible(text)) == []


# -- versions --------------------------------------------------------------------------------------------------------


def test_changes_between_versions() -> None:
    kept, gone, new = Template(200, ("Dear ", "!")), Template(201, ("Good night.",)), Template(202, ("Good day, ", "."))
    before = Library([Template(200, kept.parts, (Forms(["Ada", "Jo"]),)), gone])
    after = Library([Template(200, kept.parts, (Forms(["Jo", "Wei"]),)), new], "0" * 64)
    found = changes(before, after)
    assert (found.added, found.removed, found.dictionary) == ((new,), (gone,), True)
    (slot,) = found.reformed
    assert (slot.template.id, slot.slot, slot.added, slot.removed) == (200, 0, ("Wei",), ("Ada",))
    assert found.download == len(after.manifest)
    assert found.any
    same = changes(after, after)
    assert not same.any
    assert same.news < same.download
    assert changes(Library([kept]), before).reformed[0].added == ("Ada", "Jo")
