import contextlib
import gc
import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from chat_app.protocol import MAX_FRAME_BYTES
from chat_app.runs.process import process
from chatjuicer.http_protocol import BoundedHTTP
from chatjuicer.socket_protocol import SharedFrames

GRACE_S = 10


class Command(BaseCommand):
    help = "Serve HTTP and WebSocket on HOST and PORT."

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
        host = settings.HOST.strip("[]")
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(f"Chat Juicer {settings.VERSION} at http://{shown}:{settings.PORT}")
        self.stdout.flush()
        server = Server(
            uvicorn.Config(
                "chatjuicer.asgi:application",
                host=host,
                port=settings.PORT,
                loop="auto",
                http=BoundedHTTP,
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
            server.run()


class Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The half million objects that exist now live as long as the process. The collector would walk them again and
        # again, tens of milliseconds each time, in which no client is answered.
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would drop the sockets first, and ask the application to end its work after that.
        for listener in self.servers:
            listener.close()
        await process.stop(settings.SHUTDOWN_GRACE_S, hurried=lambda: self.force_exit)
        await super().shutdown(sockets)
