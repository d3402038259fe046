"""OpenTelemetry traces (AURA_TRACES, requirements-otel.txt): a span for each HTTP request and each session over
WebSocket, and one for each call of a model.

Where they go is said by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from streaming import origin
from streaming.packages import install

_provider: Any = None


class Span:
    """What is known of a request, for its span; nothing without traces."""

    def status(self, code: int) -> None:
        """Note how the request was answered."""


class _HttpSpan(Span):
    def __init__(self, span: Any) -> None:
        self._span = span

    def status(self, code: int) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("http.response.status_code", code)
        if code >= 500:
            self._span.set_status(StatusCode.ERROR)


_NONE = Span()


def start() -> None:
    """Begin to hand spans on, when the settings want it. Raises ImproperlyConfigured when the packages are missing."""
    global _provider  # noqa: PLW0603
    if not settings.AURA_TRACES or _provider is not None:
        return
    try:
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        words = f"{install('--require-hashes -r requirements-otel.txt')}, or ./aura disable traces."
        raise ImproperlyConfigured(f"AURA_TRACES needs packages that are not installed: {words}") from None
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "aura")})
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(_provider)
    origin.carriers.append(lambda: partial(context.attach, context.get_current()))


def stop() -> None:
    """Hand on what is left, and end."""
    global _provider  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
        _provider = None


@contextmanager
def request(scope: dict[str, Any], request_id: str) -> Iterator[Span]:
    """Let the block run inside a span of an HTTP request, or of a session over WebSocket, which begins as one and lasts."""
    if _provider is None:
        yield _NONE
        return
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    carrier = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope.get("headers", [])
        if name in (b"traceparent", b"tracestate")
    }
    attributes = {
        "http.request.method": scope.get("method", "GET"),
        "url.path": scope["path"][:300],
        "url.scheme": scope.get("scheme", "http"),
        "aura.request_id": request_id,
    }
    tracer = trace.get_tracer("aura")
    with tracer.start_as_current_span(
        scope.get("method", "WEBSOCKET"), extract(carrier), trace.SpanKind.SERVER, attributes, record_exception=False
    ) as span:
        yield _HttpSpan(span)
