"""The supervisor without a web server, for machines that only execute runs."""

import asyncio
import contextlib
import gc
import signal
from typing import Any

import uvicorn
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import start_http_server

from chat_app.agent import loading
from chat_app.runs.process import process
from chatjuicer.api.arguments import host_and_port, seconds
from chatjuicer.databases import prepare_to_serve
from chatjuicer.metrics import registry
from chatjuicer.observability import tracing
from chatjuicer.operations.housekeeping import housekeeper

GRACE_S = 30.0


class Command(BaseCommand):
    help = "Claim and execute runs without serving clients. Any number of these may run beside servers and one another."
    requires_system_checks = (Tags.security,)  # as `serve`, without addresses

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace",
            type=seconds,
            default=GRACE_S,
            metavar="SECONDS",
            help="how long SIGTERM lets running answers go on (%(default)s); a second signal ends at once",
        )

        parser.add_argument(
            "--metrics",
            type=host_and_port,
            metavar="HOST:PORT",
            help="serve metrics there, to every client that can reach it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        prepare_to_serve()
        if options["metrics"]:
            serve_metrics(*options["metrics"])
        # The server's own choice of loop.
        factory = uvicorn.Config("chatjuicer.asgi:application").get_loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner, contextlib.suppress(KeyboardInterrupt):
            runner.run(self.work(options["grace"]))

    async def work(self, grace_s: float) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        tracing.start()
        await process.start(loading.load(), execute_runs=True)
        await process.agent
        housekeeper.start()
        # As the server does: what exists now lives as long as the process, and would be walked again and again.
        gc.collect()
        gc.freeze()
        self.stdout.write("Executing runs")
        self.stdout.flush()
        await stopping.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await process.stop(grace_s)
        await asyncio.to_thread(housekeeper.stop)
        await loading.unload()
        tracing.stop()


def serve_metrics(host: str, port: int) -> None:
    """On this machine alone where no host is named. Raises CommandError."""
    try:
        start_http_server(port, host or "127.0.0.1", registry)
    except OSError as error:  # another program does, or this machine has no such address
        raise CommandError(f"Metrics cannot be served at {host}:{port}: {error.strerror}.") from None
