"""Where a collector is named, requests and runs are told to it, and nothing of what was said."""

import gzip
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.attack.marked import require_untold
from tests.harness.client import Client, signed_in
from tests.harness.services import until
from tests.harness.sites import Sites
from tests.harness.threaded_http import HttpServer, Quiet

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Speaks OTLP over HTTP."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

        class Collecting(Quiet, BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                packed = handler.headers.get("Content-Encoding") == "gzip"
                self.bodies.append(gzip.decompress(body) if packed else body)
                handler.send_response(200)
                handler.end_headers()

        self.server = HttpServer(Collecting)

    def spans(self) -> dict[str, Span]:
        """The latest of each name."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        scopes = [scope for request in requests for spans in request.resource_spans for scope in spans.scope_spans]
        return {span.name: span for scope in scopes for span in scope.spans}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.server:
        yield collector
        require_untold(b"".join(collector.bodies).decode("latin-1"), "a trace")


def attributes(span: Span) -> dict[str, str | int]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


async def test_a_run_is_a_part_of_the_trace_that_asked_for_it(collector: Collector, sites: Sites) -> None:
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.server.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with sites.own(traced, processes=1, demo=True) as site:
        async with signed_in(site.url) as alice:
            session = await alice.create_session(title="a secret title")
            frames = await ask(alice, session, "a secret question")
        wanted = {"run", "POST /api/chat", "POST /api/sessions", "POST /api/auth/login"}
        until(lambda: wanted <= set(collector.spans()), f"{wanted} are traced")
    spans = collector.spans()
    asked, run = spans["POST /api/chat"], spans["run"]
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (TRACE, PARENT)
    assert (run.trace_id, run.parent_span_id) == (asked.trace_id, asked.span_id)
    assert attributes(asked)["http.response.status_code"] == 200
    told = attributes(run)
    assert told["chatjuicer.run_id"] == frames[-1]["run_id"]
    assert (told["chatjuicer.session_id"], told["chatjuicer.finish_reason"]) == (session, "stop")
    assert not any(b"secret" in body for body in collector.bodies)


async def test_a_failed_run_says_how(collector: Collector, sites: Sites) -> None:
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.server.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with sites.own(traced, processes=1) as site:
        async with signed_in(site.url) as alice:
            await ask(alice, await alice.create_session(), "fail 401")
        until(lambda: "run" in collector.spans(), "the run is traced")
    run = collector.spans()["run"]
    assert attributes(run)["error.type"] == "provider_auth"
    assert run.status.code == 2


async def ask(client: Client, session: str, text: str) -> list[dict[str, object]]:
    body = {"session_id": session, "messages": [{"role": "user", "content": text}]}
    traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    async with client.sse("POST", "/api/chat", body, **traced) as frames:
        return [frame async for frame in frames]
