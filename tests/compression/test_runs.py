"""Samples, runs of discovery, candidates, and what a reviewer does with them."""

import hashlib
import random
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from compression import codec, proposals, review, runs, samples, selectors, services, tasks
from compression.codec import CompressionMethod, encode
from compression.codec.model import default_dictionary
from compression.discovery import Miner
from compression.errors import Overtaken, Unfit
from compression.manager import TemplateManager
from compression.models import Candidate, Dictionary, DiscoveryRun, Library, Sample, Template
from compression.samples import Sampler
from tests.compression.test_discovery import PARTS, prose, traffic

pytestmark = pytest.mark.django_db
Status = DiscoveryRun.Status


@pytest.fixture
def kept(settings: Any) -> int:
    """Give discovery something to learn from."""
    settings.DISCOVERY_EVERY = 300
    rows = [Sample(user=user, text=text) for user, text in [*traffic(400), *prose(100)]]
    random.Random(1).shuffle(rows)
    Sample.objects.bulk_create(rows)
    return len(rows)


def carried_out() -> DiscoveryRun:
    run = runs.begin()
    assert run is not None
    return runs.carry_out(run)


def waiting(parts: list[str], **fields: Any) -> Candidate:
    """Return a candidate that waits, of which discovery found no more than is said."""
    figures: dict[str, Any] = {"count": 9, "users": 9, "hits": 1, "saved": 1, "carrying": 1, "level": "message"}
    return Candidate.objects.create(digest=proposals.digest(parts), parts=parts, **figures | fields)


# -- samples -------------------------------------------------------------------------------------------------------


def test_samples_are_redacted_and_bear_a_pseudonym() -> None:
    sampler = Sampler()
    sampler.record(17, "Write to ada@example.org or call +44 20 8698 6925.")
    sampler.record(17, "x" * 20_000)
    sampler.record(17, "")
    assert sampler.flush() == 1
    sample = Sample.objects.get()
    assert "ada" not in sample.text
    assert "8698" not in sample.text
    assert sample.text == "Write to ⟦···@·······.···⟧ or call ⟦+## ## #### ####⟧."
    assert sample.user == samples.pseudonym(17) != samples.pseudonym(18)
    assert sample.user != "17"
    sampler.redact = lambda text: "nothing"
    sampler.record(18, "My words.")
    sampler.flush()
    assert Sample.objects.latest("pk").text == "nothing"
    assert samples.forget_user(17) == 1
    assert Sample.objects.count() == 1


def test_what_was_taken_out_is_a_slot_of_the_answers_that_are_given(settings: Any) -> None:
    settings.DISCOVERY_EVERY = 50
    said = (
        "Thank you for your question about the invoice {}. You can always call our service line at +49 30 9018 2045, or"
        " write to help.desk@corp-example.org at any time of the day; we will come back to you within a day or two."
    )
    goods = ["shoes", "lamps", "coats", "cups", "rugs", "books", "pens", "bags", "keys", "rings", "soap"]
    texts = [said.format(f"for {one} and {other}") for one in goods for other in goods]
    sampler = Sampler()
    for number, text in enumerate(texts):
        sampler.record(number % 12, text)
    sampler.flush()
    carried_out()
    made = [one.value for one in Candidate.objects.filter(level=Candidate.Level.MESSAGE)]
    assert sum(any(one.match(text) is not None for one in made) for text in texts) > 0.9 * len(texts)
    assert not any("⟦" in part or "9018" in part or "help" in part for one in made for part in one.parts)


def test_an_erased_user_takes_examples_and_states_along(kept: int) -> None:
    carried_out()
    assert Candidate.objects.exclude(examples=[]).exists()
    run = runs.begin()
    assert run is not None
    DiscoveryRun.objects.filter(pk=run.pk).update(state=b"texts", position=run.last, done=7)
    samples.forget_user(1)
    run.refresh_from_db()
    assert (run.state, run.position, run.done) == (None, run.first - 1, 0)
    assert not Candidate.objects.exclude(examples=[]).exists()
    # The worker that held the texts in memory has lost the run.
    assert runs.carry_out(DiscoveryRun(pk=run.pk, owner="other", position=0, last=0, total=0)).status == Status.RUNNING


def test_samples_are_bounded(settings: Any) -> None:
    settings.DISCOVERY_SAMPLES = 20
    sampler = Sampler()
    for number in range(samples.WAITING + 50):
        sampler.record(number, f"text {number}")
    assert sampler.flush() == samples.WAITING
    assert Sample.objects.count() == 20
    assert Sample.objects.latest("pk").text == f"text {samples.WAITING + 49}"


def test_who_says_very_much_does_not_drive_out_what_others_were_told(settings: Any) -> None:
    settings.DISCOVERY_SAMPLES = 100
    sampler = Sampler()
    for number in range(50):
        sampler.record(number, f"Answer {number} to somebody.")
    sampler.flush()
    for number in range(500):
        sampler.record("loud", f"Flood {number} to one.")
    sampler.flush()
    kept = Sample.objects.exclude(user=samples.pseudonym("loud"))
    assert kept.count() == 50
    loud = Sample.objects.filter(user=samples.pseudonym("loud")).order_by("pk")
    assert loud.count() == samples.SHARE * settings.DISCOVERY_SAMPLES
    assert loud.last().text == "Flood 499 to one."


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_what_the_manager_records() -> None:
    manager = TemplateManager()
    written = threading.Event()
    assert manager._sampler is samples.sampler
    manager._sampler = sampler = Sampler()
    sampler.after = written.set
    sampler.start()
    try:
        manager.record_response("An answer of the model.", user=3)
        assert written.wait(20)
        manager.record_response("Another one.", user=3)
    finally:
        sampler.stop()
    assert list(Sample.objects.order_by("pk").values_list("text", flat=True)) == [
        "An answer of the model.",
        "Another one.",
    ]


# -- runs ----------------------------------------------------------------------------------------------------------


def test_a_run_proposes_what_many_users_saw(kept: int) -> None:
    assert runs.due()
    run = carried_out()
    assert (run.status, run.done, run.state) == (Status.DONE, kept, None)
    assert run.proposed == Candidate.objects.count() > 0
    proposed = {tuple(candidate.parts) for candidate in Candidate.objects.all()}
    assert proposed >= set(PARTS.values())
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    assert candidate.users >= 5
    assert candidate.saved > candidate.carrying > 0
    assert len(candidate.examples) == proposals.EXAMPLES
    assert len(candidate.kinds) == 2
    # Templates make all that was said here: a dictionary would not be worth its download.
    assert run.dictionary is None
    assert not runs.due()


def test_a_dictionary_is_learned_for_what_no_template_makes(settings: Any) -> None:
    settings.DISCOVERY_EVERY = 100
    chance = random.Random(11)
    words = ["".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(400)]
    phrases = [" ".join(chance.choices(words, k=12)) for _ in range(60)]
    sampler = Sampler()
    for number in range(600):
        sampler.record(number % 90, ", ".join(chance.choices(phrases, k=4)) + f", and {chance.choice(words)}.")
    sampler.flush()
    run = carried_out()
    assert run.dictionary is not None
    content = bytes(run.dictionary.content)
    assert content.startswith(default_dictionary())
    assert sum(phrase.encode() in content for phrase in phrases) > 30


def test_one_user_who_floods_makes_no_template(settings: Any) -> None:
    settings.DISCOVERY_SAMPLES = 20_000
    words = "Dear {}, the vault of our house opens with the word quagmire-orchid at night. Tell nobody of it, please."
    rows = [Sample(user="loud", text=words.format(name)) for name in ("Ada", "Jo", "Wei", "Kofi") * 200]
    rows += [Sample(user=f"quiet{number}", text=words.format("Yuki")) for number in range(3)]
    rows += [Sample(user=user, text=text) for user, text in traffic(400)]
    random.Random(1).shuffle(rows)
    Sample.objects.bulk_create(rows)
    assert carried_out().status == Status.DONE
    assert Candidate.objects.filter(digest=proposals.digest(PARTS["refund"])).exists()
    assert not [one for one in Candidate.objects.all() if "quagmire" in str((one.parts, one.examples, one.forms))]


def test_what_a_run_leaves_is_bounded(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUNS_KEPT", 2)
    monkeypatch.setattr(runs, "WAITING_KEPT", 2)
    monkeypatch.setattr(runs, "DICTIONARIES_KEPT", 1)
    used = Dictionary.objects.create(hash="a" * 64, content=b"used")
    Dictionary.objects.create(hash="b" * 64, content=b"nobody's")
    Dictionary.objects.create(hash="c" * 64, content=b"young")
    Dictionary.objects.exclude(hash="c" * 64).update(created=timezone.now() - timedelta(days=2))
    services.install_library(codec.Library([codec.Template(900, ("Good night.",))], used.hash))
    for _ in range(3):
        carried_out()
    assert DiscoveryRun.objects.count() == 2
    waiting = list(Candidate.objects.values_list("saved", flat=True))
    assert len(waiting) == 2
    assert set(Dictionary.objects.values_list("hash", flat=True)) == {"a" * 64, "c" * 64}


@pytest.mark.django_db(transaction=True)
def test_a_run_that_takes_long_keeps_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    Sample.objects.bulk_create([Sample(user=user, text=text) for user, text in traffic(60)])
    monkeypatch.setattr(runs, "SILENT", timedelta(seconds=3))
    finish, taken = Miner.finish, []

    def long(miner: Miner) -> None:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            time.sleep(0.2)
            taken.append(runs.begin())
        finish(miner)

    monkeypatch.setattr(Miner, "finish", long)
    assert carried_out().status == Status.DONE
    assert set(taken) == {None}
    assert "discovery" not in {thread.name for thread in threading.enumerate()}


def test_long_answers_are_judged_as_far_as_they_go() -> None:
    Sample.objects.bulk_create([Sample(user="u", text="x" * 16_000) for _ in range(400)])
    assert sum(map(len, proposals.held_out())) <= proposals.HELD_OUT * proposals.LENGTH
    assert sum(map(len, proposals.held_out(10))) == 0
    assert sum(len(text) for _, text in proposals.recent()) <= proposals.LEARNED * proposals.LENGTH
    assert 0 < len(proposals.recent()) < 400


def test_a_state_too_large_to_write_costs_the_resumption_only(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "STATE", 10)
    monkeypatch.setattr(runs, "BATCH", 100)
    seen = []
    sign = runs._sign
    monkeypatch.setattr(runs, "_sign", lambda run, **changed: (seen.append(changed), sign(run, **changed)))
    assert carried_out().status == Status.DONE
    assert [one["done"] for one in seen if one][-1] == kept
    assert not any("state" in one or "position" in one for one in seen)


def test_each_candidate_says_by_what_it_earns_its_place(kept: int, admin_client: Client) -> None:
    carried_out()
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    assert candidate.worth in Candidate.Worth.values
    assert 0 < candidate.used <= candidate.hits
    assert candidate.micros > 0 < candidate.micros_without
    # Names that many users were told are shown, and are the forms of the slot.
    assert "Yuki" in candidate.forms[0]
    page = admin_client.get("/admin/compression/candidate/").content.decode()
    assert f'data-worth="{candidate.worth}"' in page
    assert candidate.value.parts[2] in page
    others = set(Candidate.Worth.values) - {candidate.worth}
    filtered = [admin_client.get(f"/admin/compression/candidate/?worth={one}").content.decode() for one in others]
    assert not any(f"/candidate/{candidate.pk}/change/" in one for one in filtered)
    page = admin_client.get(f"/admin/compression/candidate/{candidate.pk}/change/").content.decode()
    for words in ("bytes beside the model", "µs a message", "go as this template and its slots", "words: <code"):
        assert words in page
    # The templates in use are measured by the same run.
    assert Template.objects.get(pk=100).worth == Candidate.Worth.NONE


def test_what_is_hostile_is_shown_as_what_it_is(kept: int, admin_client: Client) -> None:
    parts = ["<script>alert(1)</script> \u202eevil\u202c ", " & \u200bso on"]
    text = parts[0] + "<img src=x onerror=alert(2)>" + parts[1]
    row = Candidate.objects.create(
        digest=proposals.digest(parts), parts=parts, level="message", count=9, users=9, hits=1, saved=1, carrying=1,
        kinds=["text"], forms=[["<i>form</i>\u202e"]], examples=[text],
    )  # fmt: skip
    library = services.install_library(codec.Library([codec.Template(901, tuple(parts))]))
    pages = ["candidate/", f"candidate/{row.pk}/change/", f"candidate/{row.pk}/history/", "template/901/change/"]
    pages += [f"library/{library.pk}/change/", "template/"]
    for path in pages:
        page = admin_client.get(f"/admin/compression/{path}").content.decode()
        # The field that it is edited in holds the text itself; nothing else does.
        shown = page.split("<textarea")[0] + page.split("</textarea>")[-1]
        assert "alert(1)" in shown
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<i>form" not in page
        assert not {"\u202e", "\u200b"} & set(shown)
    page = admin_client.get("/admin/compression/candidate/").content.decode()
    assert "signs that nobody sees: U+200B, U+202C, U+202E" in page
    page = act(admin_client, "candidate", "reject", row)
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in page


def test_the_same_is_proposed_once_and_what_was_rejected_never_again(kept: int) -> None:
    carried_out()
    count = Candidate.objects.count()
    refused = review.reject(Candidate.objects.get(digest=proposals.digest(PARTS["refund"])))
    run = carried_out()
    assert run.proposed == 0
    assert Candidate.objects.count() == count
    refused.refresh_from_db()
    assert (refused.status, refused.run_id) == (Candidate.Status.REJECTED, run.pk - 1)
    with pytest.raises(Unfit):
        review.reject(refused)


def test_never_two_runs_at_once(kept: int) -> None:
    run = runs.begin()
    assert run is not None
    assert runs.begin() is None
    assert not runs.due()
    tasks.discover(asked=True)
    assert DiscoveryRun.objects.count() == 1
    runs.carry_out(run)
    assert runs.begin() is not None


def test_a_run_whose_worker_was_killed_is_gone_on_with(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH", 100)
    first = runs.begin()
    assert first is not None
    sign, signs = runs._sign, []

    def killed(run: DiscoveryRun, **changed: Any) -> None:
        sign(run, **changed)
        signs.append(changed)
        if len(signs) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_sign", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.carry_out(first)
    monkeypatch.setattr(runs, "_sign", sign)
    DiscoveryRun.objects.update(beat=timezone.now() - 2 * runs.SILENT)
    assert runs.due()
    second = runs.begin()
    assert second is not None
    assert (second.pk, second.done) == (first.pk, 200)
    # The first worker, if it lives after all, may not touch the run any more.
    runs.carry_out(first)
    second.refresh_from_db()
    assert second.status == Status.RUNNING
    assert runs.carry_out(second).status == Status.DONE
    assert Candidate.objects.filter(digest=proposals.digest(PARTS["refund"])).exists()


def test_a_run_can_be_cancelled(kept: int) -> None:
    run = runs.begin()
    assert run is not None
    assert runs.cancel(run)
    assert runs.carry_out(run).status == Status.CANCELLED
    assert Candidate.objects.count() == 0
    assert not runs.cancel(run)
    silent = runs.begin()
    assert silent is not None
    DiscoveryRun.objects.filter(pk=silent.pk).update(beat=timezone.now() - timedelta(hours=1))
    runs.cancel(silent)
    silent.refresh_from_db()
    assert silent.status == Status.CANCELLED


def test_a_run_whose_worker_died_before_the_clock_was_set_back_is_gone_on_with(kept: int) -> None:
    run = runs.begin()
    assert run is not None
    DiscoveryRun.objects.update(beat=timezone.now() + runs.SILENT / 2)
    assert not runs.due()
    assert runs.begin() is None
    DiscoveryRun.objects.update(beat=timezone.now() + timedelta(days=400))
    assert runs.due()
    taken = runs.begin()
    assert taken is not None
    assert (taken.pk, taken.owner != run.owner) == (run.pk, True)


def test_a_run_whose_state_cannot_be_read_begins_anew(kept: int) -> None:
    run = runs.begin()
    assert run is not None
    DiscoveryRun.objects.filter(pk=run.pk).update(state=b"nonsense", position=run.last, done=7)
    run.refresh_from_db()
    ended = runs.carry_out(run)
    assert (ended.status, ended.done) == (Status.DONE, kept)
    assert Candidate.objects.filter(digest=proposals.digest(PARTS["refund"])).exists()


def test_a_run_that_fails_says_so(kept: int, settings: Any) -> None:
    run = runs.begin()
    assert run is not None
    settings.DISCOVERY_USERS = 1
    failed = runs.carry_out(run)
    assert (failed.status, failed.error) == (Status.FAILED, "ValueError: see the worker's log.")


def test_without_a_number_no_run_begins_by_itself(kept: int, settings: Any) -> None:
    assert runs.due()
    settings.DISCOVERY_EVERY = 0
    assert not runs.due()
    tasks.discover()
    assert not DiscoveryRun.objects.exists()
    # What was begun by hand is gone on with all the same.
    runs.begin()
    DiscoveryRun.objects.update(beat=timezone.now() - 2 * runs.SILENT)
    assert runs.due()


def test_without_samples_there_is_nothing_to_do() -> None:
    assert runs.begin() is None
    assert not runs.due()
    with pytest.raises(CommandError, match="no samples"):
        call_command("discover")


def test_the_command_runs_it_here_and_now(kept: int, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("discover")
    assert f"{kept} samples" in capsys.readouterr().out


# -- split and merge ------------------------------------------------------------------------------------------------


def test_a_candidate_is_split_into_its_sentences(kept: int) -> None:
    carried_out()
    Candidate.objects.filter(level=Candidate.Level.SENTENCE).delete()
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    made = review.split(candidate)
    assert {tuple(one.parts) for one in made} == {
        (*PARTS["refund"][:2], " was sent today."),
        (" Banks need up to three working days to book it.",),
    }
    for one in made:
        assert one.users == candidate.users >= 5
        assert one.level == Candidate.Level.SENTENCE
        assert all(one.value.match(text) is not None for text in one.examples)
        assert one.hits > 0
    candidate.refresh_from_db()
    assert candidate.status == Candidate.Status.REJECTED
    with pytest.raises(Unfit):
        review.split(candidate)
    with pytest.raises(Unfit, match="one sentence"):
        review.split(made[0])
    # It is not proposed again, and the pieces are not proposed twice.
    carried_out()
    assert Candidate.objects.filter(digest=candidate.digest).get().status == Candidate.Status.REJECTED


def test_what_was_decided_on_takes_no_candidates_place(admin_client: Client) -> None:
    for sentence in ("We have sent your parcel.", " It will arrive before noon."):
        review.reject(waiting([sentence]))
    candidate = waiting(["We have sent your parcel. It will arrive before noon."])
    assert "Nothing would take its place" in act(admin_client, "candidate", "split", candidate)
    review.reject(waiting(["Your parcel of ", " is on its way to you."]))
    sent = [
        waiting(
            [f"Your parcel of {day} is on its way to you."], examples=[f"Your parcel of {day} is on its way to you."]
        )
        for day in ("Monday", "Friday")
    ]
    assert "was decided on already" in act(admin_client, "candidate", "merge", *sent)
    assert Candidate.objects.filter(status=Candidate.Status.WAITING).count() == 3


def test_candidates_that_differ_in_a_word_are_merged(kept: int) -> None:
    carried_out()
    one = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    parts = [part.replace("three", "five") for part in one.parts]
    other = Candidate.objects.create(
        digest=proposals.digest(parts),
        parts=parts,
        level=one.level,
        run=one.run,
        count=7,
        users=6,
        hits=1,
        saved=1,
        carrying=1,
        examples=[text.replace("three", "five") for text in one.examples],
    )
    made = review.merge([one, other])
    last = PARTS["refund"][2].split("three")
    assert made.parts == [*PARTS["refund"][:2], last[0], last[1]]
    assert (made.count, made.users) == (one.count + 7, max(one.users, 6))
    assert all(made.value.match(text) is not None for text in (*one.examples, *other.examples))
    assert set(Candidate.objects.filter(pk__in=(one.pk, other.pk)).values_list("status", flat=True)) == {"rejected"}
    review.check(made.parts)


def test_what_has_little_in_common_is_not_merged(kept: int) -> None:
    carried_out()
    chosen = [Candidate.objects.get(digest=proposals.digest(PARTS[kind])) for kind in ("refund", "parcel")]
    with pytest.raises(Unfit, match="in common"):
        review.merge(chosen)
    with pytest.raises(Unfit, match="two"):
        review.merge(chosen[:1])
    assert Candidate.objects.filter(status=Candidate.Status.REJECTED).count() == 0


# -- review --------------------------------------------------------------------------------------------------------


def test_accepted_candidates_make_a_library_that_is_measured(kept: int) -> None:
    carried_out()
    row = review.accept(Candidate.objects.filter(digest=proposals.digest(PARTS["refund"])))
    assert row.status == Library.Status.CANDIDATE
    shadow = review.Shadow(**(row.shadow or {}))
    assert shadow.better
    assert 0 < shadow.after < shadow.before < shadow.text
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    assert candidate.status == Candidate.Status.ACCEPTED
    assert candidate.template_id >= services.FIRST_FREE_ID
    assert row.value.template(0) is not None
    name = row.value.dictionary
    assert selectors.dictionary_by_hash(name) is None
    services.promote(row)
    selectors.forget()
    assert hashlib.sha256(selectors.dictionary_by_hash(name) or b"").hexdigest() == name
    text = Template.objects.get(pk=candidate.template_id).value.fill(["Ada", "Jo"])
    assert encode(text, selectors.active_library(), 1).method == CompressionMethod.TEMPLATE
    with pytest.raises(Unfit):
        review.accept([candidate])


def test_of_two_who_promote_at_once_the_second_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = waiting(["Your order is on its way."]), waiting(["Your parcel has come back."])
    measure = review.measure

    def slowly(library: codec.Library) -> review.Shadow:
        monkeypatch.setattr(review, "measure", measure)
        review.accept([other])
        return measure(library)

    monkeypatch.setattr(review, "measure", slowly)
    with pytest.raises(Unfit, match="Try again"):
        review.accept([one])
    one.refresh_from_db()
    assert one.status == Candidate.Status.WAITING
    review.accept([one])
    assert len(set(Candidate.objects.values_list("template_id", flat=True))) == 2


def test_a_library_that_was_overtaken_is_not_promoted(settings: Any, django_user_model: Any) -> None:
    settings.DISCOVERY_FOUR_EYES = True
    one, other = (django_user_model.objects.create_user(name) for name in ("one", "other"))
    first = services.promote(review.accept([waiting(["Your order is on its way."])], one), one)
    second = services.promote(review.accept([waiting(["Your parcel has come back."])], one), one)
    assert first.waits
    assert second.waits
    services.promote(first, other)
    with pytest.raises(Overtaken, match="Retire this one, and choose its candidates again"):
        services.promote(second, other)
    selectors.forget()
    assert selectors.active_library().hash == first.hash
    # Made anew it has both, and going back needs nobody's leave.
    third = services.promote(review.accept([waiting(["Your parcel has gone."])], one), one)
    services.promote(third, other)
    assert set(first.templates.all()) < set(third.templates.all())
    assert services.roll_back(one) == first


def test_candidates_wait_again_when_their_library_is_turned_down_or_left(settings: Any, django_user_model: Any) -> None:
    settings.DISCOVERY_FOUR_EYES = True
    one, other = (django_user_model.objects.create_user(name) for name in ("one", "other"))
    order, parcel, refund = (waiting([f"Your {what} is on its way."]) for what in ("order", "parcel", "refund"))
    review.reject(refund, one)

    def states() -> list[str]:
        return [str(Candidate.objects.get(pk=row.pk).status) for row in (order, parcel, refund)]

    def proposed(candidate: Candidate) -> Library:
        return services.promote(review.accept([candidate], one), one)

    services.retire(proposed(order))
    assert states() == ["waiting", "waiting", "rejected"]
    assert Candidate.objects.get(pk=order.pk).decided_by is None
    # Turned down once, chosen again; and what is overtaken waits, too.
    first, second = proposed(order), proposed(parcel)
    assert states() == ["accepted", "accepted", "rejected"]
    services.promote(first, other)
    assert states() == ["accepted", "waiting", "rejected"]
    services.retire(second)
    services.roll_back(one)
    assert states() == ["waiting", "waiting", "rejected"]
    services.roll_back(other)
    assert states() == ["accepted", "waiting", "rejected"]
    assert Candidate.objects.get(pk=order.pk).decided_by == other


def test_a_library_that_was_turned_down_is_a_candidate_when_it_is_made_again() -> None:
    order = waiting(["Your order is on its way."])
    first = services.retire(review.accept([order]))
    order.refresh_from_db()
    again = review.accept([order])
    assert again.pk == first.pk
    assert (again.status, again.retired) == (Library.Status.CANDIDATE, None)


def test_what_was_left_comes_back_by_a_reviewer_only(kept: int, settings: Any) -> None:
    settings.DISCOVERY_AUTO_PROMOTE = True
    tasks.discover()
    services.roll_back()
    selectors.forget()
    left = Candidate.objects.filter(status=Candidate.Status.WAITING)
    assert left.exists()
    assert review.after(DiscoveryRun.objects.get()) is None
    active = review.promote(left)
    assert active.status == Library.Status.ACTIVE
    assert not Candidate.objects.filter(status=Candidate.Status.WAITING).exists()


def test_who_promotes_while_another_does_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known = waiting(["Your order is on its way."])
    monkeypatch.setattr(review, "measure", lambda _library: review.Shadow(1, 9, 8, 1))
    earlier = review.promote([known])
    services.roll_back()
    selectors.forget()
    Candidate.objects.update(status=Candidate.Status.WAITING)

    def slowly(_library: codec.Library) -> review.Shadow:
        services.promote(services.install_library(codec.Library([codec.Template(400, ("Meanwhile.",))])))
        return review.Shadow(1, 9, 8, 1)

    # It makes a library that was active once, so nothing but what it is made of tells that it came too late.
    monkeypatch.setattr(review, "measure", slowly)
    with pytest.raises(Unfit, match="Try again"):
        review.promote([known])
    earlier.refresh_from_db()
    assert earlier.status == Library.Status.RETIRED
    assert Candidate.objects.get().status == Candidate.Status.WAITING


def test_a_library_has_a_limit(kept: int, settings: Any) -> None:
    carried_out()
    settings.DISCOVERY_TEMPLATES = 15
    with pytest.raises(Unfit, match="more than 15"):
        review.accept(Candidate.objects.all())
    assert not Candidate.objects.exclude(status=Candidate.Status.WAITING).exists()


@pytest.mark.parametrize("automatic", [True, False])
def test_promotion_without_a_reviewer_is_a_setting(kept: int, settings: Any, automatic: bool) -> None:
    settings.DISCOVERY_AUTO_PROMOTE = automatic
    before = selectors.active_library().hash
    tasks.discover()
    selectors.forget()
    assert (selectors.active_library().hash != before) == automatic
    assert Candidate.objects.filter(status=Candidate.Status.WAITING).exists() != automatic
    if automatic:
        assert Library.objects.get(status=Library.Status.ACTIVE).promoted_by is None
        services.roll_back()
        selectors.forget()
        assert selectors.active_library().hash == before


def test_what_is_not_worth_its_download_waits(kept: int, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DISCOVERY_AUTO_PROMOTE = True
    monkeypatch.setattr(proposals, "HORIZON", 1)
    before = selectors.active_library().hash
    tasks.discover()
    selectors.forget()
    assert selectors.active_library().hash == before
    assert Candidate.objects.filter(status=Candidate.Status.WAITING).exists()
    monkeypatch.setattr(proposals, "HORIZON", 1_000)
    run = DiscoveryRun.objects.get()
    promoted = review.after(run)
    assert promoted is not None
    shadow = review.Shadow(**promoted.shadow)
    assert shadow.pays
    assert 0 < shadow.download < len(promoted.manifest)


def test_a_download_is_earned_back() -> None:
    assert review.Shadow(100, 9_000, 4_000, 3_000, 4_999).pays
    assert not review.Shadow(100, 9_000, 4_000, 3_000, 5_000).pays
    assert not review.Shadow(0, 0, 0, 0, 1).pays


# -- the admin -----------------------------------------------------------------------------------------------------


def act(client: Client, model: str, action: str, *rows: Any) -> str:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(f"/admin/compression/{model}/", data, follow=True).content.decode()


def test_a_reviewer_sees_examples_and_promotes(kept: int, admin_client: Client) -> None:
    carried_out()
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    page = admin_client.get("/admin/compression/candidate/").content.decode()
    assert "Dear <mark>{0}</mark>, the refund for " in page
    assert "no personal data found; seen with at least" in page
    page = admin_client.get(f"/admin/compression/candidate/{candidate.pk}/change/").content.decode()
    slots = candidate.value.match(candidate.examples[0])
    assert slots is not None
    assert f'Dear <mark data-slot="0">{slots[0]}</mark>, the refund' in page
    page = act(admin_client, "candidate", "promote", candidate)
    assert "is active:" in page
    active = Library.objects.get(status=Library.Status.ACTIVE)
    assert active.promoted_by.get_username() == "admin"
    assert active.hash[:12] in LogEntry.objects.get().get_change_message()
    page = admin_client.get(f"/admin/compression/library/{active.pk}/change/").content.decode()
    assert "bytes before" in page
    assert "None of these candidates is waiting." in act(admin_client, "candidate", "promote", candidate)
    assert (
        'name="_save"' not in admin_client.get(f"/admin/compression/candidate/{candidate.pk}/change/").content.decode()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dear {0}, the refund for {1} was sent today.{2}", ""),
        ("Dear {0}, the refund for ada@example.org was sent{1}", "may be personal data"),
        ("Something else {0}", "no longer makes all of the examples"),
        ("{0}{1}{2}", "stand between each two slots"),
    ],
)
def test_a_reviewer_edits_a_candidate(kept: int, admin_client: Client, text: str, said: str) -> None:
    carried_out()
    candidate = Candidate.objects.get(digest=proposals.digest(PARTS["refund"]))
    path = f"/admin/compression/candidate/{candidate.pk}/change/"
    page = admin_client.post(path, {"text": text}, follow=True).content.decode()
    candidate.refresh_from_db()
    if said:
        assert said in page
        assert tuple(candidate.parts) == PARTS["refund"]
    else:
        assert candidate.parts == ["Dear ", ", the refund for ", " was sent today.", ""]
        assert candidate.digest == proposals.digest(candidate.parts)


def test_without_examples_fixed_text_can_only_go(admin_client: Client) -> None:
    candidate = waiting(["Dear ", ", your refund was sent."], examples=[])
    path = f"/admin/compression/candidate/{candidate.pk}/change/"
    for text in (
        "Now all that I like {0}.",
        "Dear {0}, your refund was sent. Bye.",
        "Dear Ada{0}, your refund was sent.",
    ):
        assert "Without examples" in admin_client.post(path, {"text": text}, follow=True).content.decode()
    assert (
        "changed successfully" in admin_client.post(path, {"text": "Dear {0} was sent."}, follow=True).content.decode()
    )
    candidate.refresh_from_db()
    assert (candidate.parts, candidate.users, candidate.count) == (["Dear ", " was sent."], 9, 9)


def test_fixed_text_that_is_added_was_seen_with_enough_users(settings: Any) -> None:
    settings.DISCOVERY_USERS = 3
    texts = [(f"u{number}", f"Dear Ada, your {what} was sent.") for what in ("refund", "gift") for number in range(4)]
    Sample.objects.bulk_create([Sample(user=user, text=text) for user, text in (*texts, *texts[:2])])
    example = "Dear Ada, your refund was sent."
    candidate = waiting(["Dear ", " was sent."], users=40, count=700, examples=[example])
    review.edit(candidate, ["Dear Ada, your ", " was sent."])
    assert (candidate.users, candidate.count) == (4, 10)
    settings.DISCOVERY_USERS = 5
    with pytest.raises(Unfit, match="5 users at least"):
        review.edit(candidate, ["Dear Ada, your refund", " was sent."])
    # To take fixed text away needs no proof: whoever was seen with it is counted still.
    review.edit(candidate, ["Dear ", " was sent."])
    assert (candidate.users, candidate.count) == (4, 10)


def test_what_is_blackened_is_no_fixed_text() -> None:
    candidate = waiting(["Dear ", ", good day."], examples=["Dear ███, good day."])
    with pytest.raises(Unfit, match="blackened"):
        review.edit(candidate, ["Dear ███", ", good day."])


def test_of_two_who_give_the_same_text_at_once_one_is_told(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = waiting(["Dear ", ", good day."]), waiting(["Hello ", ", good day."])
    wanted = ["", ", good day."]

    def measured(*_given: Any) -> dict[str, Any]:
        Candidate.objects.filter(pk=other.pk).update(parts=wanted, digest=proposals.digest(wanted))
        return {}

    monkeypatch.setattr(proposals, "measured", measured)
    path = f"/admin/compression/candidate/{one.pk}/change/"
    page = admin_client.post(path, {"text": "{0}, good day."}, follow=True).content.decode()
    assert "Another candidate has this text already." in page
    one.refresh_from_db()
    assert one.parts == ["Dear ", ", good day."]


def test_braces_of_a_text_stay_what_they_are(admin_client: Client) -> None:
    parts = ["Dear ", ", write {0} where {{the name}} goes."]
    candidate = waiting(parts, examples=["Dear Ada, write {0} where {{the name}} goes."])
    path = f"/admin/compression/candidate/{candidate.pk}/change/"
    text = admin_client.get(path).context["adminform"].form["text"].value()
    assert text == "Dear {0}, write {{0}} where {{{{the name}}}} goes."
    assert "changed successfully" in admin_client.post(path, {"text": text}, follow=True).content.decode()
    candidate.refresh_from_db()
    assert candidate.parts == parts


def test_a_reviewer_rejects(kept: int, admin_client: Client) -> None:
    carried_out()
    candidate = Candidate.objects.first()
    assert "Rejected." in act(admin_client, "candidate", "reject", candidate)
    candidate.refresh_from_db()
    assert (candidate.status, candidate.decided_by.get_username()) == (Candidate.Status.REJECTED, "admin")
    assert "None of these" in act(admin_client, "candidate", "reject", candidate)


def test_a_reviewer_splits_and_merges(kept: int, admin_client: Client) -> None:
    carried_out()
    refund, parcel, visit = (
        Candidate.objects.get(digest=proposals.digest(PARTS[kind])) for kind in ("refund", "parcel", "visit")
    )
    assert "too little in common" in act(admin_client, "candidate", "merge", refund, parcel)
    assert "two candidates or more" in act(admin_client, "candidate", "merge", refund)
    Candidate.objects.filter(level=Candidate.Level.SENTENCE).delete()
    assert "New candidates: 2" in act(admin_client, "candidate", "split", refund)
    refund.refresh_from_db()
    assert refund.decided_by is not None
    assert LogEntry.objects.filter(object_id=refund.pk, change_message__contains="Split").exists()
    parts = [part.replace("nine", "ten") for part in visit.parts]
    examples = [text.replace("nine", "ten") for text in visit.examples]
    figures = {"count": 9, "users": 9, "hits": 1, "saved": 1, "carrying": 1, "level": visit.level}
    other = Candidate.objects.create(digest=proposals.digest(parts), parts=parts, examples=examples, **figures)
    assert "Merged." in act(admin_client, "candidate", "merge", visit, other)
    merged = Candidate.objects.get(count=visit.count + 9)
    assert (merged.status, len(merged.parts)) == (Candidate.Status.WAITING, 4)


def test_runs_are_watched_and_cancelled(kept: int, admin_client: Client) -> None:
    run = runs.begin()
    assert run is not None
    DiscoveryRun.objects.update(done=100)
    page = admin_client.get("/admin/compression/discoveryrun/").content.decode()
    assert f'<progress max="{kept}" value="100">' in page
    assert "Asked to stop." in act(admin_client, "discoveryrun", "cancel", run)
    runs.carry_out(run)
    assert "has ended already" in act(admin_client, "discoveryrun", "cancel", run)
    assert admin_client.get(f"/admin/compression/discoveryrun/{run.pk}/change/").status_code == 200


def test_discovery_is_begun_from_its_list(admin_client: Client, client: Client, settings: Any) -> None:
    begin = "/admin/compression/discoveryrun/begin/"
    for name in ("queue", "control"):
        (settings.AURA_DATA_DIR / "broker" / name).mkdir(parents=True, exist_ok=True)
    assert "Run discovery now" in admin_client.get("/admin/compression/discoveryrun/").content.decode()
    assert "There are no samples yet" in admin_client.post(begin, follow=True).content.decode()
    Sample.objects.create(user="u", text="An answer.")
    assert "A worker was asked" in admin_client.post(begin, follow=True).content.decode()
    assert runs.begin() is not None
    assert "A run is at work already." in admin_client.post(begin, follow=True).content.decode()
    assert admin_client.get(begin).status_code == 405
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_discoveryrun"))
    client.force_login(reader)
    assert "Run discovery now" not in client.get("/admin/compression/discoveryrun/").content.decode()
    assert client.post(begin).status_code == 403


def test_who_may_not_promote_sees_no_actions(kept: int, client: Client) -> None:
    carried_out()
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.set(
        Permission.objects.filter(codename__in=["view_candidate", "view_discoveryrun", "change_candidate"])
    )
    client.force_login(reader)
    for model in ("candidate", "discoveryrun"):
        page = client.get(f"/admin/compression/{model}/").content.decode()
        assert 'name="action"' not in page
