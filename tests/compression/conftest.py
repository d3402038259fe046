from collections.abc import Iterator

import pytest

from compression import selectors
from compression.codec import Library, Template


@pytest.fixture(autouse=True)
def no_library_of_another_test() -> Iterator[None]:
    selectors._active = selectors._Active()
    yield
    selectors._active = selectors._Active()


@pytest.fixture
def library() -> Library:
    return Library([Template(200, ("Your order ", " is on its way.")), Template(201, ("Good night.",))])


@pytest.fixture
def other_library() -> Library:
    return Library([Template(200, ("Your order ", " is on its way.")), Template(300, ("Dear ", ", welcome!"))])
