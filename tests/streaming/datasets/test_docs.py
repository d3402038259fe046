"""The how-to runs as it stands, and the reference names every parameter."""

import re

import pytest

from streaming.datasets.parameters import ENDPOINTS
from tests.live import ROOT


def test_the_example_of_the_how_to_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "how-to" / "train-a-read-out.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    exec(code[1], {})
    printed = capsys.readouterr().out.strip()
    assert f"`{printed}`" in text


def test_every_parameter_is_described_with_its_range() -> None:
    text = (ROOT / "docs" / "reference" / "datasets.md").read_text()
    for endpoint in ENDPOINTS.values():
        assert f"/deep_tree_echo/{endpoint.name}`" in text
        for parameter in endpoint.parameters:
            assert f"`{parameter.name}`" in text
            if "maximum" in parameter.schema and parameter.name != "heartbeat_interval":
                assert (
                    f"{parameter.schema['minimum']}-{parameter.schema['maximum']} ({parameter.schema['default']})"
                    in text
                )
