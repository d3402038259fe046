"""What AURA adds to a call of a model, with record, budget and routing on, beside a bare pass-through in Python.

An endpoint that costs next to nothing, the pass-through and AURA run here as processes of their own on free ports; a load
client visits the endpoint itself, the pass-through and AURA in turn. `--tools DIR` takes the endpoint (`mock_upstream.py`)
and the pass-through (`passthrough_sse.py`) from there instead. `--litellm PROGRAM` visits a LiteLLM proxy as well: the
`litellm` of an environment of its own, in which `pip install "litellm[proxy]"` was said.
"""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.openai.client import Answer, cpu_ms, run
from benchmarks.report import Report, median, options, percentile
from routing_ai.policy import prices
from routing_ai.policy.tiers import Tier, TierSpec
from tests.live import ROOT, LiveServer, free_port

TOKENS = 200
PRICE_IN, PRICE_OUT = "1", "2"
# What LiteLLM's proxy needs to pass every model on to the endpoint, by an environment that asks nobody outside.
LITELLM = """
model_list:
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_base: "{address}", api_key: none}}
"""
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
# Keys without limits, and one whose budget admits ten calls at their worst and a half.
SET_UP = """
from django.contrib.auth import get_user_model
from routing_ai.models import ApiKey, Budget
from routing_ai.services import save_new
key = ApiKey(user=get_user_model().objects.get(username="eve"), name="poor")
print(save_new(key))
Budget.objects.create(daily_limit="1000000")
Budget.objects.create(api_key=key, daily_limit="{limit}")
"""


@contextmanager
def process(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server until the block is left; yield its process id once its port answers."""
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                if running.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield running.pid
    finally:
        running.terminate()
        running.wait(10)


class Bench:
    """The servers, by name: their port, their key, their process."""

    def __init__(self, stack: ExitStack, tools: Path | None, litellm: Path | None) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-gateway-")))
        upstream, passing = free_port(), free_port()
        own = [sys.executable, "-m", "benchmarks.openai.upstream", str(upstream)]
        given = [sys.executable, str(tools / "mock_upstream.py"), "--port", str(upstream)] if tools else own
        upstream_pid = stack.enter_context(process(given, upstream))
        address = f"http://127.0.0.1:{upstream}/v1"
        where = (
            ["--app-dir", str(tools), "passthrough_sse:app"] if tools else ["benchmarks.openai.passthrough:application"]
        )
        command = [sys.executable, "-m", "uvicorn", *where, "--port", str(passing), "--log-level", "warning"]
        passing_pid = stack.enter_context(process(command, passing, UPSTREAM=address))
        self.aura = LiveServer(
            folder,
            OPENAI_BASE_URL=address,
            AURA_LOG_LEVEL="WARNING",
            NANO_MODEL=f"openai:mock-{TOKENS}-0@{PRICE_IN}/{PRICE_OUT}",
            FAST_MODEL=f"openai:mock-{TOKENS}-5@{PRICE_IN}/{PRICE_OUT}",
            SMART_MODEL=f"openai:mock-{TOKENS}-20@{PRICE_IN}/{PRICE_OUT}",
        )
        self.poor = self.aura.manage("shell", "--verbosity=0", "-c", SET_UP.format(limit=budget_for_ten())).split()[-1]
        self.aura.start()
        stack.callback(self.aura.stop)
        assert self.aura.process is not None
        self.targets = {
            "endpoint": (upstream, "none", upstream_pid),
            "pass-through": (passing, "none", passing_pid),
            "AURA": (self.aura.port, self.aura.key, self.aura.process.pid),
        }
        if litellm is not None:
            port, key, config = free_port(), f"sk-{secrets.token_hex(32)}", folder / "litellm.yaml"
            config.write_text(LITELLM.format(address=address))
            command = [str(litellm), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
            pid = stack.enter_context(process(command, port, **OFFLINE, LITELLM_MASTER_KEY=key))
            self.targets["LiteLLM"] = (port, key, pid)

    def visit(
        self, name: str, model: str, clients: int, requests: int, spread: float = 0.0
    ) -> tuple[list[Answer], float]:
        """Return the answers, and the milliseconds of CPU that each cost the server."""
        port, key, pid = self.targets[name]
        before = cpu_ms(pid)
        answers = asyncio.run(run(port, key, model, clients, requests, spread))
        for answer in answers:
            assert answer.status == 200, answer.text
            assert answer.whole
            assert len(answer.text.split()) == TOKENS, f"{name}: {len(answer.text.split())} words"
        return answers, (cpu_ms(pid) - before) / requests


def budget_for_ten() -> str:
    """Return the US dollars that ten calls of the benchmark reserve, and half a call more."""
    from decimal import Decimal

    spec = TierSpec(Tier.SMART, "", "", Decimal(PRICE_IN), Decimal(PRICE_OUT))
    prompt = "Tell me about streams (00)"
    messages = [{"role": "system", "content": "You are helpful."}, {"role": "user", "content": prompt}]
    worst = prices.worst_nano(spec, messages, 512)
    return f"{prices.dollars(worst * 21 // 2):f}"


def measure_cpu(bench: Bench, report: Report, rounds: int, requests: int) -> None:
    """CPU of a stream whose endpoint gives all at once, 16 clients, in turn."""
    model = f"mock-{TOKENS}-0"
    costs: dict[str, list[float]] = {name: [] for name in bench.targets}
    for name in bench.targets:
        bench.visit(name, model, 16, 64)
    for _ in range(rounds):
        for name in bench.targets:
            costs[name].append(bench.visit(name, model, 16, requests)[1])
    rows = [[name, median(costs[name]), median(costs[name]) / median(costs["pass-through"])] for name in costs]
    report.table(f"CPU ms a stream of {TOKENS} tokens", ["server", "ms", "of pass-through"], rows)
    report.add("cpu_ms_per_stream", median(costs["AURA"]), "ms")
    report.add("passthrough_cpu_ms_per_stream", median(costs["pass-through"]), "ms")


def measure_first_token(bench: Bench, report: Report, rounds: int) -> None:
    """Milliseconds to the first token above those of the endpoint itself in the same round.

    Sixty-four calls come once all in one moment, so that each waits for those before it, and once evenly over the second
    that an answer takes, so that so many are under way when the next one comes.
    """
    model = f"mock-{TOKENS}-5"
    rows = []
    visits = [
        ("1", 1, 4, 0.0, "1 at once"),
        ("", 16, 32, 0.0, "16 at once"),
        ("64", 64, 128, 0.0, "64 at once"),
        ("64_under_way", 64, 192, TOKENS * 0.005, "64 under way"),
    ]
    for figure, clients, requests, spread, said in visits:
        times: dict[str, list[float]] = {name: [] for name in bench.targets}
        for _ in range(rounds):
            for name in bench.targets:
                answers = bench.visit(name, model, clients, requests, spread)[0]
                times[name] += [answer.first * 1000 for answer in answers]
        direct = median(times["endpoint"])
        for name, values in times.items():
            rows.append([f"{name}, {said}", median(values), percentile(values, 0.95), median(values) - direct])
        if figure:
            report.add(f"added_ttft_ms.{figure}", median(times["AURA"]) - direct, "ms")
    report.table("Milliseconds to the first token, 5 ms between tokens", ["server", "p50", "p95", "added"], rows)


def measure_budget(bench: Bench, report: Report) -> None:
    """64 calls at once against a budget that has room for ten."""
    answers = asyncio.run(run(bench.aura.port, bench.poor, f"mock-{TOKENS}-20", 64, 64))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}, statuses
    report.add("budget_admitted_of_64", statuses.count(200), "calls")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--tools", type=Path, metavar="DIR", help="take the endpoint and the pass-through from there")
    parser.add_argument("--litellm", type=Path, metavar="PROGRAM", help="visit a LiteLLM proxy, too")
    chosen = parser.parse_args()
    report = Report("gateway")
    with ExitStack() as stack:
        bench = Bench(stack, chosen.tools, chosen.litellm)
        measure_cpu(bench, report, 3 if chosen.quick else 7, 128 if chosen.quick else 256)
        measure_first_token(bench, report, 2 if chosen.quick else 5)
        measure_budget(bench, report)
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
