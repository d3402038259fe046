"""Any order of writing, rotating, erasing and publishing heads leaves a record that is good and says what it should."""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import erasure, examiner, rotation, selectors
from audit.journal import Journal, journal
from audit.proofs import newest_head
from audit.records.event import Event, Kind
from audit.vault import Vault
from tests.audit.scenario import converse

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("ada", "eve")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["say", "erase"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["rotate", "head", "examine", "restart", "other"]), st.just("")),
    ),
    max_size=12,
)


@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(STEPS)
def test_any_order_of_what_can_happen(steps: list[tuple[str, str]]) -> None:
    said: dict[str, list[UUID]] = {name: [] for name in NAMES}
    gone: list[UUID] = []
    for step, name in steps:
        match step:
            case "say":
                said[name].append(converse(name, f"I am {name}", "Good day")[0])
            case "erase" if said[name]:
                subject = selectors.subject_named(name)
                assert subject is not None
                erasure.erase_subject(subject, by="officer", reason="asked for", keep_account=True)
                gone += said[name]
                said[name] = []
            case "rotate":
                rotation.rotate_subjects()
            case "head" if any(said.values()):
                newest_head()
            case "examine":
                examiner.examine_pending()
            case "restart":
                journal().close()
            case "other":
                other = Journal(keys=Vault())
                other.submit([_event()]).result(20)
                other.close()
    assert selectors.verify_chain()[1] is None
    for name, conversations in said.items():
        for conversation in conversations:
            assert [turn.text for turn in selectors.full_transcript(conversation)] == [f"I am {name}", "Good day"]
    for conversation in gone:
        assert selectors.full_transcript(conversation) == []


def _event() -> Event:
    return Event(Kind.CONTROL, uuid4(), uuid4(), 1, -1, "ada", 5, "", {"action": "cancel"})
