"""What hypothesis draws for the codec's tests: texts, templates and libraries that collide on purpose."""

from hypothesis import strategies as st

from compression.codec import Forms, Library, LibraryError, Template

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
# Few letters, so that parts occur in slots, overlap each other and share beginnings and ends.
LETTERS = st.text("ab ä😀1□", max_size=6)
FORMS = (Forms(["a", "ab", "□", "a □", "□□"]), Forms(["ä😀", "1", "□"]), Forms(["b"]))


@st.composite
def templates(draw: st.DrawFn, template_id: int = 0) -> Template:
    parts = draw(st.lists(LETTERS, min_size=1, max_size=4))
    inner = [part or "b" for part in parts[1:-1]]
    parts = [parts[0], *inner, parts[-1]] if len(parts) > 1 else parts
    forms = [draw(st.none() | st.sampled_from(FORMS)) for _ in parts[1:]]
    kept = tuple(forms) if any(forms) else ()
    try:
        return Template(template_id, tuple(parts), kept)
    except LibraryError:
        return Template(template_id, ("a", *parts[1:]), kept)


@st.composite
def libraries(draw: st.DrawFn) -> Library:
    ids = sorted(draw(st.sets(st.integers(0, 200), max_size=40)))
    return Library(draw(templates(template_id)) for template_id in ids)


@st.composite
def matching_texts(draw: st.DrawFn, library: Library) -> str:
    """Draw a text that some template of the library makes, or any text."""
    if not library.templates or draw(st.integers(0, 4)) == 0:
        return draw(TEXT)
    template = draw(st.sampled_from(library.templates))
    return template.fill([draw(LETTERS) for _ in range(template.slot_count)])
