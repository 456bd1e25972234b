"""The housekeeping of this process in Prometheus' format."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .housekeeping import tallies

PREFIX = "chatjuicer_housekeeping_"


class HousekeepingCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        runs = CounterMetricFamily(PREFIX + "runs", "Runs of each task in this process.", labels=["task"])
        done = CounterMetricFamily(PREFIX + "done", "Rows, runs, files and sessions dealt with.", labels=["task"])
        failures = CounterMetricFamily(PREFIX + "failures", "Runs that ended with an error.", labels=["task"])
        took_s = GaugeMetricFamily(PREFIX + "seconds", "How long the last run took.", labels=["task"])
        last = GaugeMetricFamily(PREFIX + "last_run_timestamp_seconds", "When the last run ended.", labels=["task"])
        for name, tally in tallies.items():
            runs.add_metric([name], tally.runs)
            done.add_metric([name], tally.done)
            failures.add_metric([name], tally.failures)
            if tally.runs:
                took_s.add_metric([name], tally.took_s)
                last.add_metric([name], tally.ended_at)
        yield from (runs, done, failures, took_s, last)
