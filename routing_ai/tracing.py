"""Spans of calls to models, by the GenAI conventions of OpenTelemetry; nothing at all without its package.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ - no prompt and no answer is ever in a span.
"""

from typing import Any

from routing_ai.policy.tiers import TierSpec

try:
    from opentelemetry import trace
except ImportError:  # the extra `otel`
    trace = None  # type: ignore[assignment]


class CallSpan:
    """One call, from the moment it is made; `end` or `failed` ends it, what comes after that is ignored."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def first_token(self, seconds: float) -> None:
        """Note when the answer began."""
        self._span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)

    def end(self, prompt_tokens: int, completion_tokens: int, finish: str, cost_nano: int) -> None:
        """Note what was used, and end the span."""
        span = self._span
        span.set_attribute("gen_ai.usage.input_tokens", prompt_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", completion_tokens)
        span.set_attribute("aura.cost_usd", cost_nano / 1e9)
        if finish:
            span.set_attribute("gen_ai.response.finish_reasons", [finish])
        span.end()

    def failed(self, error: BaseException) -> None:
        """Note the kind of a failure, and end the span. What an endpoint wrote about it may quote the prompt."""
        self._span.set_attribute("error.type", type(error).__name__)
        self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()


class _Nothing(CallSpan):
    def __init__(self) -> None:
        super().__init__(None)

    def first_token(self, seconds: float) -> None:
        pass

    def end(self, prompt_tokens: int, completion_tokens: int, finish: str, cost_nano: int) -> None:
        pass

    def failed(self, error: BaseException) -> None:
        pass


NO_SPAN: CallSpan = _Nothing()


def begin(spec: TierSpec, max_tokens: int, temperature: float | None) -> CallSpan:
    """Return the span of a call that begins now, a child of whatever span is current."""
    if trace is None:
        return NO_SPAN
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": spec.provider,
        "gen_ai.request.model": spec.model,
        "gen_ai.response.model": spec.model,
        "gen_ai.request.max_tokens": max_tokens,
        "gen_ai.request.stream": True,
        "aura.tier": spec.tier.value,
    }
    if temperature is not None:
        attributes["gen_ai.request.temperature"] = temperature
    tracer = trace.get_tracer("aura.routing_ai")
    return CallSpan(tracer.start_span(f"chat {spec.model}", kind=trace.SpanKind.CLIENT, attributes=attributes))
