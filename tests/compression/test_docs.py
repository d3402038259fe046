import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compression-api.md"


@pytest.mark.django_db
def test_the_examples_of_the_reference_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0
