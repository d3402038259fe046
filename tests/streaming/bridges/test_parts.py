"""The parts of the bridges that need no broker and no database."""

import json
import tomllib
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor

from streaming.bridges import brokers, kafka, kinesis, memory, nats, pubsub, rabbitmq, redis
from streaming.bridges import pace as pace_module
from streaming.bridges.backoff import Backoff
from streaming.bridges.base import CODING, EPOCH, OFFSET, STREAM, UNPACKED_LIMIT, ZSTD, Message, client
from streaming.bridges.errors import BadAddress, MissingClient, Unavailable
from streaming.bridges.pace import Pace
from streaming.bridges.seen import RUNS_LIMIT, Seen
from streaming.flow.mapping import DEPTH_LIMIT, NODES_LIMIT, Mapping
from tests.live import ROOT

EVENT = {"kind": "paid", "data": {"order": 7, "lines": [1, 2], "by": None}, "from": "ada"}

# A database cannot keep a NUL; whoever sends one is somebody else.
NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=40)


@given(st.lists(st.integers(0, 300), max_size=200))
def test_seen_is_a_set_however_it_is_kept(numbers: list[int]) -> None:
    seen, plain = Seen(), set()
    for number in numbers:
        assert seen.add(number) == (number not in plain)
        plain.add(number)
        seen = Seen(json.loads(json.dumps(seen.runs)))
    assert {number for number in range(301) if number in seen} == plain
    assert all(a[1] + 1 < b[0] for a, b in zip(seen.runs, seen.runs[1:], strict=False))


def test_seen_forgets_the_oldest_of_too_many_holes_and_never_takes_a_new_number_for_an_old_one() -> None:
    seen = Seen()
    assert all(seen.add(number) for number in range(0, 4 * RUNS_LIMIT, 2))
    assert len(seen.runs) == RUNS_LIMIT
    assert 4 * RUNS_LIMIT - 2 in seen
    assert 1 not in seen


def test_a_copy_is_of_its_own() -> None:
    seen = Seen([[0, 3]])
    copy = seen.copy()
    copy.add(4)
    assert (seen.runs, copy.runs) == ([[0, 3]], [[0, 4]])


@given(st.binary(max_size=20), NAMES, st.integers(0, 2**61), st.integers(0, 2**61))
def test_a_message_comes_back_from_its_headers(body: bytes, stream: str, epoch: int, offset: int) -> None:
    message = Message(body, stream, epoch, offset, {"kind": "x"})
    assert Message.arrived(body, message.all_headers()) == message


@given(st.dictionaries(st.sampled_from([STREAM, EPOCH, OFFSET, "other"]), st.text(max_size=30)))
def test_any_headers_make_a_message(headers: dict[str, str]) -> None:
    message = Message.arrived(b"", headers)
    assert 0 <= message.offset < 2**62
    assert STREAM not in message.headers
    if not message.stream:
        assert (message.epoch, message.offset) == (1, 0)


@given(st.binary(max_size=2_000))
def test_a_body_that_only_says_it_is_compressed_stays_as_it_is(body: bytes) -> None:
    given = {CODING: ZSTD, "of": "others"}
    assert Message.arrived(body, given) == Message(body, headers=given)
    packed = ZstdCompressor().compress(body)
    assert Message.arrived(packed, given) == Message(body, headers={"of": "others"})


def test_what_would_become_too_large_stays_compressed() -> None:
    packed = ZstdCompressor().compress(bytes(UNPACKED_LIMIT + 1))
    assert Message.arrived(packed, {CODING: ZSTD}).body == packed


async def test_compressing_makes_a_body_smaller_and_never_larger() -> None:
    bridge = brokers.to("memory://packed?compression=zstd")
    sink = await bridge.sink("c")
    random = Random(1).randbytes(1_000)
    await sink.send([Message(b"ab" * 500), Message(random), Message(b"ab" * 50)])
    (first, named), *others = memory.broker("packed").logs["c"]
    assert len(first) < 60
    assert named == {CODING: ZSTD}
    assert others == [(random, {}), (b"ab" * 50, {})]


@pytest.mark.parametrize("offset", ["", "-1", "1e3", "٣", "9" * 19, "9" * 400])
def test_an_offset_that_is_none_makes_it_a_message_of_others(offset: str) -> None:
    assert Message.arrived(b"", {STREAM: "s", EPOCH: "1", OFFSET: offset}).stream == ""


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('"$"', EVENT),
        ('"$data.order"', 7),
        ('"$$data"', "$data"),
        ('{"order": "$data.order", "shop": "aura", "n": 3}', {"order": 7, "shop": "aura", "n": 3}),
        ('["$kind", ["$data.lines"], "$data.none", "$data.by", "$kind.deeper"]', ["paid", [[1, 2]], None, None, None]),
    ],
)
def test_a_mapping_fills_its_template(text: str, made: object) -> None:
    mapping = Mapping.parse(text)
    assert mapping is not None
    assert mapping.apply(EVENT) == made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "a mapping is JSON"),
        ('"$a..b"', "is not a path"),
        ('"$' + ".".join("a" * (DEPTH_LIMIT + 1)) + '"', "is not a path"),
        ("[" * (DEPTH_LIMIT + 1) + "]" * (DEPTH_LIMIT + 1), "nested at most"),
        ("[" * 100_000, "nested at most|is JSON"),
        (json.dumps([1] * NODES_LIMIT), "at most 64 values"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Mapping.parse(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_template_is_filled_or_refused(template: object) -> None:
    try:
        mapping = Mapping.parse(json.dumps(template))
    except ValueError:
        return
    assert mapping is None or json.dumps(mapping.apply(EVENT))


def test_pauses_double_are_random_and_bounded() -> None:
    backoff = Backoff(first=1, limit=10)
    assert [backoff.failed(1.0) for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.failed(0.25) == 2.5
    backoff.succeeded()
    assert backoff.failed(1.0) == 1


def test_batches_grow_while_they_are_quick_and_shrink_when_they_are_slow() -> None:
    pace = Pace(least=10, most=70, limit=20)
    quick, middling, slow = pace_module.QUICK / 2, pace_module.LONG / 2, 2 * pace_module.LONG
    # What comes by itself says nothing of what many would take.
    for count, seconds, limit in [
        (5, quick, 20), (20, quick, 40), (40, quick, 70), (70, quick, 70), (70, middling, 70),
        (70, slow, 35), (35, slow, 17), (6, slow, 10), (10, slow, 10), (10, quick, 20),
    ]:  # fmt: skip
        pace.took(count, seconds)
        assert pace.limit == limit


@given(st.binary(max_size=300), st.text(max_size=40), st.dictionaries(st.text(max_size=30), st.text(max_size=60)))
def test_kafka_takes_no_message_for_smaller_than_it_is(body: bytes, stream: str, given: dict[str, str]) -> None:
    message = Message(body, stream, 1, 7, given)
    headers = [(name, value.encode()) for name, value in message.all_headers().items()]
    key = stream.encode()
    assert kafka._length(key, body, headers) >= DefaultRecordBatchBuilder.estimate_size_in_bytes(key, body, headers)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host", "begins with one of"),
        ("kafka://", "an address is kafka://"),
        ("kafka://h:1?largest=big", "are numbers"),
        ("kafka://h:1,h:x", "kafka: HOST:PORT makes no sense"),
        ("kafka://h:1?security=NONE", "security is one of PLAINTEXT, SSL"),
        ("kafka://h:1?mechanism=X", "mechanism is one of PLAIN, SCRAM"),
        ("kinesis://r?compression=zstd&envelope=false", "without an envelope"),
        ("kafka://h:1?compression=rar", "compression is one of none, gzip"),
        ("nats://h:1?compression=gzip", "nats: compression is none or zstd"),
        ("kafka://h:1?idempotent=maybe", "kafka: idempotent is true or false"),
        ("rabbitmq://h/?create=yes", "rabbitmq: create is true or false"),
        ("redis://h:6379/shop", "the number of a database"),
        ("redis://h:port/0", "redis: HOST:PORT makes no sense"),
        ("nats://h:99999", "nats: HOST:PORT makes no sense"),
        ("nats://", "nats: HOST:PORT makes no sense"),
        ("kinesis://eu-west-1?endpoint=here", "an endpoint is http"),
        ("redis://h?color=red", "there is no option color; there are: maxlen"),
        ("redis://h?maxlen=-1", "maxlen is a number"),
        ("rabbitmq://h:port/", "rabbitmq: HOST:PORT makes no sense"),
        ("pubsub://", "pubsub://PROJECT"),
        ("kinesis://", "kinesis://REGION"),
        ("nats://[", "makes no sense"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_words(address: str, words: str) -> None:
    with pytest.raises(BadAddress, match=words):
        brokers.to(address)


@pytest.mark.parametrize("address", ["redis://h", "redis://", "redis://u:p@h:1/3", "nats://u:p@h", "kafka://u:p@h,h:2"])
def test_what_may_be_left_out_of_an_address_may_be_left_out(address: str) -> None:
    assert brokers.to(address)


async def test_google_without_credentials_is_unavailable_until_there_are_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # No question to a cloud's machine for its account.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    bridge = brokers.to("pubsub://shop")
    for opening in (bridge.sink("c"), bridge.source("c", {}), bridge.end("c")):
        with pytest.raises(Unavailable, match="credentials were not found"):
            await opening


@pytest.mark.parametrize("scheme", ["redis", "rabbitmq", "nats", "kafka"])
def test_a_password_that_makes_an_address_unreadable_is_not_repeated(scheme: str) -> None:
    with pytest.raises(BadAddress) as refused:
        brokers.to(f"{scheme}://user:hush/hush@host:1")
    assert "hush" not in str(refused.value)
    assert "percent-encoded" in str(refused.value)


def test_a_missing_client_is_named_with_what_installs_it() -> None:
    with pytest.raises(MissingClient, match=r"pip install --only-binary :all: 'aiokafka\[lz4,snappy,zstd\]>="):
        client("a_client_that_is_not_there", kafka.PACKAGE)


@pytest.mark.parametrize("module", [kafka, rabbitmq, nats, kinesis, pubsub])
def test_a_brokers_package_is_the_one_that_was_tested_and_that_the_guide_installs(module: ModuleType) -> None:
    name = module.__name__.rpartition(".")[2]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras[f"bridges-{name}"] == [module.PACKAGE]
    assert f"`'{module.PACKAGE}'`" in (ROOT / "docs" / "how-to" / "bridges.md").read_text()


@given(st.dictionaries(st.binary(max_size=8) | st.sampled_from([b"body", b"headers"]), st.binary(max_size=30)))
def test_any_entry_of_redis_is_a_message(fields: dict[bytes, bytes]) -> None:
    delivery = redis._delivery("1700000000000-3", dict(fields))
    assert delivery.rank == (1_700_000_000_000 << 20) + 3
    if b"body" in fields:
        assert delivery.message.body == fields[b"body"]
    else:
        assert len(json.loads(delivery.message.body)) <= len(fields)


@given(
    st.binary(max_size=60), st.sampled_from([b"", kinesis.ENVELOPE, kinesis.TOGETHER, kinesis.TOGETHER + b"[[{},2]"])
)
def test_any_record_of_kinesis_is_messages(data: bytes, head: bytes) -> None:
    record = {"Data": head + data, "SequenceNumber": "49" * 20}
    found = kinesis._deliveries("shard", record)
    assert found
    assert record["Data"].endswith(b"".join(one.message.body for one in found))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=30)), min_size=1, max_size=40))
def test_messages_that_share_a_record_come_out_as_they_were(made: list[tuple[str, bytes]]) -> None:
    messages = [Message(body, stream, 1, number, {"n": f"{number} ✓"}) for number, (stream, body) in enumerate(made)]
    groups = kinesis._groups(messages)
    assert len(groups) == len({stream for stream, _ in made})
    for group in groups:
        record = {"Data": kinesis._packed(group), "SequenceNumber": "7"}
        found = kinesis._deliveries("shard", record)
        assert [one.message for one in found] == group
        assert [one.position for one in found] == [*(f"7.{part}" for part in range(len(group) - 1)), "7"]
        assert sorted({one.rank for one in found}) == [one.rank for one in found]


def test_a_record_of_kinesis_is_not_too_large() -> None:
    groups = kinesis._groups([Message(bytes(300_000), "a", 1, number) for number in range(7)])
    assert [len(group) for group in groups] == [3, 3, 1]
    assert all(len(kinesis._packed(group)) + 200 <= kinesis.RECORD_LIMIT for group in groups)


def test_a_request_of_kinesis_has_one_record_of_a_stream() -> None:
    records = [{"PartitionKey": f"s{number % 3}", "Data": bytes([number])} for number in range(8)]
    requests = kinesis._requests(records)
    assert [[one["Data"][0] for one in request] for request in requests] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert len(kinesis._requests([{"PartitionKey": str(n), "Data": b""} for n in range(1_001)])) == 3
    large = [{"PartitionKey": str(n), "Data": bytes(1_000_000)} for n in range(12)]
    assert [len(request) for request in kinesis._requests(large)] == [5, 5, 2]
