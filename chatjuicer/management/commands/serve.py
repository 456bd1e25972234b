import asyncio
import contextlib
import errno
import gc
import logging
import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.checks import Tags
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat_app.protocol import MAX_FRAME_BYTES
from chat_app.runs.contract import Agent
from chat_app.runs.process import process
from chatjuicer import on_loop
from chatjuicer.accounts import one_time_address
from chatjuicer.databases import prepare_to_serve
from chatjuicer.http_protocol import OTHER_FILES, BoundedHTTP
from chatjuicer.socket_protocol import SharedFrames

logger = logging.getLogger(__name__)

GRACE_S = 10


class Command(BaseCommand):
    help = "Serve HTTP and WebSocket on HOST and PORT."
    # Of what a person has set, and of the addresses, which are loaded so. What is the same everywhere, such as the
    # models, `make check` looks at: here it takes a tenth of the start.
    requires_system_checks = (Tags.security, Tags.urls)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prepare",
            action="store_true",
            help="migrate and seed the default user first (one process only)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare"]:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("seed_default_user")
        prepare_to_serve()
        allow_open_files(settings.MAX_SOCKETS + OTHER_FILES)
        host = settings.HOST.strip("[]")
        shown = f"[{host}]" if ":" in host else host
        sockets = bound_sockets(host, settings.PORT)
        self.stdout.write(f"Chat Juicer {settings.VERSION} at http://{shown}:{settings.PORT}")
        if settings.ALLOW_LOCALHOST_NOAUTH and settings.ONE_TIME_ADDRESS:
            path = one_time_address.printed.new_path()
            self.stdout.write(f"To use it without signing in, open this, once: http://{shown}:{settings.PORT}{path}")
        self.stdout.flush()
        server = Server(
            uvicorn.Config(
                "chatjuicer.asgi:application",
                host=host,
                port=settings.PORT,
                loop="auto",
                http=HTTP,
                ws=SharedFrames,
                ws_max_size=MAX_FRAME_BYTES,  # a larger frame closes the socket with 1009
                ws_ping_interval=20,
                ws_ping_timeout=20,
                # Compression costs 100 kB and more for each idle socket, and time for each token.
                ws_per_message_deflate=False,
                lifespan="on",
                log_config=None,
                access_log=False,
                # The loopback rule needs the address that really connects.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                # Longer than a proxy keeps its idle connections (nginx: 60 s), so that the proxy closes them: a
                # request that meets a close on its way is lost, and may not be sent again if it was a POST.
                timeout_keep_alive=75,
            )
        )
        # After a graceful end uvicorn raises the signal again.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets)
        if server.has_failed:
            raise CommandError("The agent cannot be loaded; the log says why.")


def allow_open_files(wanted: int) -> None:
    """As far as the system lets this user: by default it allows fewer than there may be sockets."""
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows has no such limit
        return
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY or files >= wanted:
        return
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with contextlib.suppress(ValueError, OSError):  # macOS names a hard limit that it does not allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, allowed), most))


def bound_sockets(host: str, port: int) -> list[socket.socket]:
    """One for each address that the host stands for. Raises CommandError, which says what is in the way."""
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen()
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise CommandError(f"Cannot listen on HOST {host}, PORT {port}: {reason(error)}.") from None
    return sockets


def reason(error: OSError) -> str:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return "another program does; end it, or set PORT to another number"
        case OSError(errno=errno.EADDRNOTAVAIL) | socket.gaierror():
            return "this machine has no such address; set HOST to one of its own, or 0.0.0.0 for all"
        case OSError(errno=errno.EACCES):
            return "this user may not; ports from 1024 are open to everybody"
        case _:
            return str(error.strerror)


def keep_what_exists() -> None:
    """The quarter of a million objects that exist once all is loaded live as long as the process. The collector would
    walk them again and again, tens of milliseconds each time, in which no client is answered. It has not walked them
    before, either: there is next to nothing to be found."""
    gc.freeze()


class HTTP(BoundedHTTP):
    known_answer = staticmethod(on_loop.known_answer)


class Server(uvicorn.Server):
    has_failed = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if process.loop is not None:
            keep_what_exists()
            process.agent.add_done_callback(self.agent_loaded)

    def agent_loaded(self, agent: asyncio.Future[Agent]) -> None:
        if agent.cancelled():  # by the shutdown
            return
        if error := agent.exception():
            logger.critical("the agent cannot be loaded, so that this process ends", exc_info=error)
            self.has_failed = self.should_exit = True
        keep_what_exists()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would drop the sockets first, and ask the application to end its work after that.
        for listener in self.servers:
            listener.close()
        await process.stop(settings.SHUTDOWN_GRACE_S, hurried=lambda: self.force_exit)
        await super().shutdown(sockets)
