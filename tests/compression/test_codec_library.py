import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compression.codec.errors import LibraryError
from compression.codec.forms import Forms
from compression.codec.library import Library, default_library
from compression.codec.model import default_dictionary
from compression.codec.payload import encode_template
from compression.codec.template import Template
from tests.compression.strategies import libraries

# What people would put into the slots of each default template.
SLOTS = {
    7: ["who won the match"],
    8: ["your router"],
    100: ["photosynthesis"],
    101: ["a virus", "a bacterium"],
    102: ["baking bread"],
    103: ["my manager"],
    104: ["working at home"],
    105: ["a birthday party"],
}


@given(libraries())
def test_manifest_round_trip(library: Library) -> None:
    again = Library.from_manifest(library.manifest, library.hash)
    assert again == library
    assert again.manifest == library.manifest


def test_the_hash_is_that_of_the_canonical_form_whatever_the_layout() -> None:
    manifest = '{ "templates": [ {"parts": ["Hello, ", "\\u0021"], "id": 0} ], "format": "aura.library/1" }'
    library = Library.from_manifest(manifest)
    canonical = b'{"format":"aura.library/1","templates":[{"id":0,"parts":["Hello, ","!"]}]}'
    assert library.manifest == canonical
    assert library.digest == hashlib.sha256(canonical).digest()
    assert library.hash == library.digest.hex()


def test_another_hash_is_refused() -> None:
    with pytest.raises(LibraryError, match="hash"):
        Library.from_manifest(default_library().manifest, "0" * 64)


def manifest(**changes: Any) -> str:
    return json.dumps({"format": "aura.library/1", "templates": []} | changes)


def formed(forms: Any, template: dict[str, Any]) -> str:
    return manifest(format="aura.library/2", forms=forms, templates=[{"id": 0} | template])


@pytest.mark.parametrize(
    "content",
    [
        "",
        b"\xff",
        "[" * 100_000,
        "[]",
        "{}",
        manifest(format="aura.library/2"),
        manifest(format="aura.library/3"),
        manifest(more=1),
        manifest(templates={}),
        manifest(templates=[1]),
        manifest(templates=[{"id": 0}]),
        manifest(templates=[{"id": 0, "parts": ["a"], "more": 1}]),
        manifest(templates=[{"id": "0", "parts": ["a"]}]),
        manifest(templates=[{"id": True, "parts": ["a"]}]),
        manifest(templates=[{"id": 0.5, "parts": ["a"]}]),
        manifest(templates=[{"id": -1, "parts": ["a"]}]),
        manifest(templates=[{"id": 0, "parts": "a"}]),
        manifest(templates=[{"id": 0, "parts": [1]}]),
        manifest(templates=[{"id": 0, "parts": ["\ud800"]}]),
        manifest(templates=[{"id": 1, "parts": ["a"]}, {"id": 1, "parts": ["b"]}]),
        manifest(templates=[{"id": 1, "parts": ["a"]}, {"id": 0, "parts": ["b"]}]),
        manifest(templates=[{"id": 0, "parts": ["a", ""], "forms": [0]}]),
        manifest(forms=[["x"]], templates=[{"id": 0, "parts": ["a", ""], "forms": [0]}]),
        formed([], {"parts": ["a", ""]}),
        formed([["x"]], {"parts": ["a", ""]}),
        formed([["x"]], {"parts": ["a", ""], "forms": [1]}),
        formed([["x"]], {"parts": ["a", ""], "forms": [-1]}),
        formed([["x"]], {"parts": ["a", ""], "forms": [0, 0]}),
        formed([["x"]], {"parts": ["a", ""], "forms": [0.5]}),
        formed([["x"]], {"parts": ["a", ""], "forms": []}),
        formed([["x"]], {"parts": ["a", ""], "forms": None}),
        formed([["x"], ["x"]], {"parts": ["a", "b", ""], "forms": [0, 1]}),
        formed([["x"], ["y"]], {"parts": ["a", "b", ""], "forms": [1, 0]}),
        formed([["x", "x"]], {"parts": ["a", ""], "forms": [0]}),
        formed([[""]], {"parts": ["a", ""], "forms": [0]}),
        formed([[]], {"parts": ["a", ""], "forms": [0]}),
        formed([[1]], {"parts": ["a", ""], "forms": [0]}),
        formed(["x"], {"parts": ["a", ""], "forms": [0]}),
        formed({}, {"parts": ["a", ""]}),
        formed(
            [
                [
                    "äääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää"
                ]
            ],
            {"parts": ["a", ""], "forms": [0]},
        ),
        formed([["\ud800"]], {"parts": ["a", ""], "forms": [0]}),
    ],
)
def test_what_is_no_library_is_refused(content: str | bytes) -> None:
    with pytest.raises(LibraryError):
        Library.from_manifest(content)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_templates_give_a_library_or_its_error(templates: Any) -> None:
    try:
        Library.from_manifest(json.dumps({"format": "aura.library/1", "templates": templates}))
    except LibraryError:
        pass
    else:
        assert templates == []


def test_the_default_library() -> None:
    library = default_library()
    assert len(library) == 15
    assert all(0 <= template.id <= 127 for template in library.templates)
    topic = library.template(100)
    assert topic is not None
    assert topic.slot_count == 1


@pytest.mark.parametrize("template", default_library().templates, ids=lambda template: str(template.id))
def test_a_default_template_saves_seven_bytes_of_eight(template: Template) -> None:
    slots = SLOTS.get(template.id, [])
    payload = encode_template(template.id, slots, default_library(), 1)
    assert len(template.fill(slots).encode()) >= 8 * len(payload.data)


def test_the_default_library_names_the_default_dictionary() -> None:
    assert default_library().dictionary == hashlib.sha256(default_dictionary()).hexdigest()


@pytest.mark.parametrize("dictionary", ['""', '"abc"', "7", f'"{"G" * 64}"'])
def test_a_dictionary_is_named_by_its_hash(dictionary: str) -> None:
    manifest = f'{{"format": "aura.library/1", "templates": [], "dictionary": {dictionary}}}'
    with pytest.raises(LibraryError, match="64 hexadecimal digits"):
        Library.from_manifest(manifest)


def test_a_dictionary_is_part_of_the_hash() -> None:
    name = "ab" * 32
    library = Library([], name)
    assert library.manifest == f'{{"dictionary":"{name}","format":"aura.library/1","templates":[]}}'.encode()
    assert Library.from_manifest(library.manifest, library.hash).dictionary == name
    assert library != Library([])


def test_a_library_without_forms_is_written_as_it_always_was() -> None:
    assert Library([Template(0, ("a", ""))]).format == "aura.library/1"
    forms = Forms(["x"])
    library = Library([Template(0, ("a", ""), (forms,)), Template(1, ("b", ""), (Forms(["x"]),))])
    assert library.manifest == (
        b'{"format":"aura.library/2","forms":[["x"]],"templates":[{"forms":[0],"id":0,"parts":["a",""]},'
        b'{"forms":[0],"id":1,"parts":["b",""]}]}'
    )
    again = Library.from_manifest(library.manifest, library.hash)
    assert [template.forms for template in again.templates] == [(forms,), (forms,)]
