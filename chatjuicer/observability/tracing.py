"""OpenTelemetry spans of requests and runs. Without a collector to send them to, making one does nothing.

They carry ids, routes and outcomes, and no text of a conversation: so exceptions, which may quote it, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the packages that send traces are not installed: "
            "pip install opentelemetry-sdk==1.43.0 opentelemetry-exporter-otlp-proto-http==1.43.0"
        ) from error

tracer = trace.get_tracer("chatjuicer")


def start() -> None:
    """Send what is traced from now on to the collector, if one is named. Once per process."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        resource = Resource.create({"service.name": "chatjuicer", "service.version": settings.VERSION})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)


def stop() -> None:
    """Send what is left."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        provider = trace.get_tracer_provider()
        assert isinstance(provider, TracerProvider)
        provider.shutdown()


def request_span(method: str, headers: Mapping[str, str]) -> AbstractContextManager[Span]:
    """`headers` finds `traceparent`, by which the caller's trace goes on."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return nullcontext(trace.INVALID_SPAN)
    carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    return tracer.start_as_current_span(
        method, extract(carrier), SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    )


def note_answer(span: Span, request: HttpRequest, status_code: int) -> None:
    if not span.is_recording():
        return
    route = request.resolver_match.route if request.resolver_match else ""
    span.update_name(f"{request.method} /{route}")
    span.set_attributes(
        {
            "http.request.method": request.method or "",
            "http.route": f"/{route}",
            "http.response.status_code": status_code,
        }
    )
    if status_code >= 500:
        span.set_status(Status(StatusCode.ERROR))


def run_span(**attributes: str) -> AbstractContextManager[Span]:
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return nullcontext(trace.INVALID_SPAN)
    return tracer.start_as_current_span(
        "run",
        attributes={f"chatjuicer.{name}": value for name, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    )


def note_failure(span: Span, code: str) -> None:
    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR))
