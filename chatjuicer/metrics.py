"""`GET /metrics` in Prometheus' format; docs/operations.md says what each of them should read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from django.conf import settings
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from rest_framework.request import Request
from rest_framework.views import APIView

from chat_app.models.status import ENDED
from chat_app.runs.process import process
from chatjuicer.accounts.authentication import from_this_machine
from chatjuicer.accounts.exceptions import InvalidToken

from .observability.counters import Histogram, counts
from .operations.collector import HousekeepingCollector

PREFIX = "chatjuicer_"


class ChatCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield counter("runs_started", "Runs that this process has started to execute.", counts.runs_started)
        ended = CounterMetricFamily(PREFIX + "runs_ended", "Runs that this process has ended.", labels=["status"])
        for status in ENDED:
            ended.add_metric([status.value], counts.runs_ended[status.value])
        yield ended
        active = process.supervisor.active if process.supervisor else 0
        yield gauge("runs_active", "Runs that this process executes now.", active)
        yield counter(
            "leases_lost", "Runs that others ended because this process did not renew its leases.", counts.leases_lost
        )
        yield counter("orphans_ended", "Runs of dead processes that this one has ended.", counts.orphans_ended)

        yield histogram("commit_seconds", "Transactions of the journal.", counts.commit_s)
        yield histogram("batch_events", "Events and verbs of one transaction of the journal.", counts.batch_events)
        yield counter("commit_failures", "Batches that the database did not take at once.", counts.commit_failures)

        yield gauge(
            "unwritten_seconds", "How long the oldest event or verb has waited for its commit.", process.unwritten_s
        )

        yield counter("frames_out", "Frames handed to sockets and event streams.", counts.frames_out)
        outboxes = process.sockets.outboxes if process.loop else []
        yield gauge("sockets", "Open sockets and event streams.", len(outboxes))
        deepest = max((outbox.backlog_bytes for outbox in outboxes), default=0)
        yield gauge("outbox_bytes_max", "The fullest backlog of a socket or event stream now.", deepest)
        opened = CounterMetricFamily(
            PREFIX + "sockets_opened", "Sockets and event streams; resumed: with a cursor.", labels=["resumed"]
        )
        opened.add_metric(["false"], counts.sockets_opened)
        opened.add_metric(["true"], counts.sockets_resumed)
        yield opened
        yield counter("sockets_too_slow", "Sockets and event streams closed with 4408.", counts.too_slow)

        yield histogram("loop_lag_seconds", "How late the event loop is.", counts.loop_lag_s)


def counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, documentation, value)


def gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, documentation, value)


def histogram(name: str, documentation: str, seen: Histogram) -> Metric:
    bounds = [*map(str, map(float, seen.bounds)), "+Inf"]
    buckets = list(zip(bounds, accumulate(seen.buckets), strict=True))
    return HistogramMetricFamily(PREFIX + name, documentation, buckets, seen.total)


registry = CollectorRegistry()
registry.register(ChatCollector())
registry.register(HousekeepingCollector())
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=registry)


class MetricsView(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """For a client on this machine, or one with METRICS_TOKEN."""
        if not may_read(request):
            raise InvalidToken("These are shown to this machine, and to the bearer of METRICS_TOKEN.")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return HttpResponse(encode(registry), content_type=content_type)


def may_read(request: Request) -> bool:
    token, given = settings.METRICS_TOKEN, request.headers.get("Authorization", "")
    if given:
        return bool(token) and constant_time_compare(given, f"Bearer {token}")
    return from_this_machine(request.META.get("REMOTE_ADDR"), request.headers, request.scheme)
