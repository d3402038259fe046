"""What discovery is given holds no personal data."""

import pytest

from aura_site.redaction import redacted


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Your order is on its way.", "Your order is on its way."),
        ("Write to ada@example.org or +44 20 7946 0958.", "Write to ⟦···@·······.···⟧ or ⟦+## ## #### ####⟧."),
        ("It is GB82WEST12345698765432, DNI 54362315K.", "It is ⟦··##····##############⟧, DNI ⟦########·⟧."),
    ],
)
def test_personal_data_is_taken_out(text: str, left: str) -> None:
    assert redacted(text) == left
