"""Figures as Prometheus reads them (text format 0.0.4). docs/reference/metrics.md lists the names."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily as Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from routing_ai.policy.quality import FIRST_TOKEN_BOUNDS, Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# The parts of this process that never change: memory, processor time, open files.
_process = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=_process)


class _Families(Collector):
    """Families that are there already, as a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def render(figures: dict[str, Any]) -> bytes:
    """Return the metrics of a snapshot (see `figures.snapshot`) and of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families(figures)))
    return generate_latest(registry) + generate_latest(_process)


def families(figures: dict[str, Any]) -> Iterator[Metric]:
    """Yield the metric families of a snapshot."""
    yield _labelled(Gauge("aura_ready", "1 for a part that works", labels=["part"]), figures["ready"])
    yield _labelled(
        Gauge("aura_connections", "Open sessions", labels=["transport"]), figures["transports"] or {"websocket": 0}
    )
    yield Counter("aura_connections_opened", "Sessions opened", value=figures["connections"]["opened"])
    yield Gauge("aura_streams", "Answers being written", value=figures["streams"]["open"])
    yield Counter("aura_streams_opened", "Answers begun", value=figures["streams"]["opened"])
    yield from _wire(figures)
    yield from _load(figures)
    yield from _topics(figures["topics"])
    yield from _datasets(figures["datasets"])
    yield _labelled(
        Gauge("aura_queue_depth", "What waits", labels=["queue"]),
        {name: depth for name, depth in figures["queues"].items() if depth is not None},
    )
    yield from _worker(figures["worker"])
    yield from _models(figures["totals"], figures["models"])
    if figures["bridges"] is not None:
        yield from _bridges(figures["bridges"])
    if figures["spend"] is not None:
        yield from _spend(figures["spend"])


def _labelled(family: Any, values: dict[str, Any]) -> Metric:
    for label, value in values.items():
        family.add_metric([label], float(value))
    metric: Metric = family
    return metric


def _wire(figures: dict[str, Any]) -> Iterator[Metric]:
    coding, frames = figures["compression"], figures["frames"]
    yield Counter("aura_text_bytes", "Bytes of text sent, before coding", value=coding["text_bytes"])
    yield Counter("aura_payload_bytes", "Bytes of the same text as coded", value=coding["wire_bytes"])
    yield Counter("aura_frame_bytes", "Bytes of frames sent, payloads included", value=frames["bytes"])
    yield Counter("aura_frames", "Frames sent", value=frames["sent"])
    yield _labelled(Counter("aura_payloads", "Payloads sent", labels=["method"]), coding["methods"])
    downloads = Counter(
        "aura_download_bytes", "Bytes of libraries and dictionaries that clients fetched", labels=["what"]
    )
    yield _labelled(downloads, figures["downloads"])


def _load(figures: dict[str, Any]) -> Iterator[Metric]:
    load = figures["load"]
    yield Gauge("aura_loop_lag_seconds", "How late the event loop runs", value=load["lag_ms"] / 1000)
    yield Gauge("aura_held_bytes", "Bytes of text that streams hold in memory", value=load["held_bytes"])
    yield Counter("aura_shed", "Questions refused because of load", value=load["shed"])
    yield Counter("aura_rate_limited", "Questions refused because of a user's rate", value=load["rate_limited"])
    yield Gauge("aura_draining", "1 while the process sends its clients elsewhere", value=float(figures["draining"]))


def _topics(topics: dict[str, int]) -> Iterator[Metric]:
    yield Gauge("aura_topics", "Topics in memory", value=topics["open"])
    yield Gauge("aura_topic_subscribers", "Subscriptions", value=topics["subscribers"])


def _datasets(datasets: dict[str, Any]) -> Iterator[Metric]:
    yield Gauge("aura_dataset_jobs", "Dataset jobs that run", value=datasets["running"])
    yield Counter("aura_dataset_bytes", "Bytes of datasets worked through", value=datasets["bytes"])


def _bridges(bridges: dict[str, Any]) -> Iterator[Metric]:
    routes = bridges["routes"]
    for name, what, key in (
        ("consumed", "Messages that a route read", "consumed"),
        ("published", "Messages that a route sent on", "published"),
        ("filtered", "Messages that a route's filter left out", "filtered"),
        ("duplicates", "Duplicates that a route left out", "duplicates"),
        ("put_aside", "Messages that became dead letters of a route", "dead"),
    ):
        yield _labelled(
            Counter(f"aura_bridge_{name}", what, labels=["route"]),
            {route: found[key] for route, found in routes.items()},
        )
    yield _labelled(
        Gauge("aura_bridge_running", "1 for a route that runs, 0 for one that waits", labels=["route"]),
        {route: found["running"] for route, found in routes.items()},
    )
    yield _labelled(
        Gauge("aura_bridge_lag_seconds", "How long ago what a route has read had come", labels=["route"]),
        {route: found["lag"] for route, found in routes.items() if found["lag"] is not None},
    )
    yield _labelled(
        Gauge("aura_bridge_dead_letters", "Dead letters that are kept", labels=["reader"]), bridges["dead_letters"]
    )
    yield _labelled(
        Gauge("aura_outbox_depth", "Messages that wait in an outbox", labels=["outbox"]), bridges["outboxes"]
    )


def _worker(counts: list[dict[str, Any]]) -> Iterator[Metric]:
    tasks = Counter("aura_tasks", "Tasks of the worker that have ended", labels=["task", "outcome"])
    seconds = Counter("aura_task_seconds", "Time that tasks of the worker took", labels=["task"])
    last = Gauge("aura_task_last_timestamp_seconds", "When a task last ended", labels=["task"])
    for count in counts:
        tasks.add_metric([count["name"], "succeeded"], count["succeeded"])
        tasks.add_metric([count["name"], "failed"], count["failed"])
        seconds.add_metric([count["name"]], count["seconds"])
        if count["at"] is not None:
            last.add_metric([count["name"]], count["at"].timestamp())
    yield from (tasks, seconds, last)


def _models(totals: dict[str, Totals], windows: dict[str, dict[str, Any]]) -> Iterator[Metric]:
    calls = Counter("aura_model_calls", "Calls of a model", labels=["model", "outcome"])
    tokens = Counter("aura_model_tokens", "Tokens read and written", labels=["model", "direction"])
    cost = Counter("aura_model_cost_usd", "US dollars spent", labels=["model"])
    writing = Counter("aura_model_writing_seconds", "Time from first tokens to last ones", labels=["model"])
    first = Histogram("aura_first_token_seconds", "Time to the first token", labels=["model"])
    for model, total in totals.items():
        calls.add_metric([model, "answered"], total.calls - total.errors)
        calls.add_metric([model, "failed"], total.errors)
        calls.add_metric([model, "cached"], total.cache_hits)
        tokens.add_metric([model, "in"], total.prompt_tokens)
        tokens.add_metric([model, "out"], total.completion_tokens)
        cost.add_metric([model], total.cost_nano / 1e9)
        writing.add_metric([model], total.token_seconds)
        first.add_metric([model], buckets=_buckets(total), sum_value=total.first_token_seconds)
    yield from (calls, tokens, cost, writing, first)
    yield _labelled(
        Gauge("aura_model_health", "Fitness over five minutes, from 0 to 1", labels=["model"]),
        {model: window["health"] for model, window in windows.items()},
    )


def _buckets(total: Totals) -> list[tuple[str, float]]:
    """Return the counts as Prometheus wants them: each with all that are smaller."""
    found, running = [], 0
    for bound, count in zip((*map(str, FIRST_TOKEN_BOUNDS), "+Inf"), total.first_tokens, strict=True):
        running += count
        found.append((bound, float(running)))
    return found


def _spend(spend: dict[str, Any]) -> Iterator[Metric]:
    limit = Gauge("aura_budget_limit_usd", "US dollars a day", labels=["budget"])
    used = Gauge("aura_budget_used_usd", "US dollars of today, reservations included", labels=["budget"])
    for budget in spend["budgets"]:
        limit.add_metric([budget["name"]], budget["limit"])
        used.add_metric([budget["name"]], budget["used"])
    yield from (limit, used)
    yield Gauge("aura_spend_today_usd", "US dollars settled today, by all processes", value=spend["spent"])
    yield Gauge("aura_saved_today_usd", "US dollars less than with the best tier each time", value=spend["saved"])
