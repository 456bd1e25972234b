"""`chatjuicer`: what may be said to it, and what comes of it."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Sequence
from io import TextIOWrapper
from math import isnan

from chatjuicer_client import __version__
from chatjuicer_client.cli import codes, commands
from chatjuicer_client.cli.places import Place
from chatjuicer_client.cli.screen import Screen
from chatjuicer_client.cli.talk import Talk
from chatjuicer_client.client import AsyncClient
from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.unsent import UnsentMessages

COMMANDS = {
    "login": commands.login,
    "logout": commands.logout,
    "sessions": commands.sessions,
    "rename": commands.rename,
    "pin": commands.pin,
    "unpin": commands.unpin,
    "delete": commands.delete,
    "restore": commands.restore,
    "draft": commands.draft,
    "read": commands.read,
    "search": commands.search,
    "export": commands.export,
    "import": commands.import_,
    "watch": commands.watch,
    "upload": commands.upload,
    "download": commands.download,
}
AGAIN = ("regenerate", "edit", "continue")
"""Commands whose answer is shown as that of `chat`."""

PATIENCE_S = 60.0
EPILOG = """exit status: 0 done, 1 refused or failed, 2 wrong use, 3 not signed in, 4 an approval is needed,
5 the server cannot be reached, 130 stopped by Ctrl+C"""


def main(arguments: Sequence[str] | None = None) -> int:
    _open_what_is_closed()
    wanted = _parser().parse_args(arguments)
    screen = Screen(as_json=getattr(wanted, "json", False))
    place = Place.of(getattr(wanted, "server", None))
    unsent = place.unsent  # of who is signed in now, and may not be any more
    try:
        with asyncio.Runner() as runner:
            client = runner.run(_client(place, getattr(wanted, "patience", PATIENCE_S)))
            try:
                if wanted.command == "chat":
                    return _chat(runner, client, wanted, screen)
                if wanted.command in AGAIN:
                    return _again(runner, client, wanted, screen)
                return runner.run(COMMANDS[wanted.command](client, wanted, place, screen))
            finally:
                runner.run(client.aclose())
    except ChatJuicerError as error:
        screen.failure(f"{error.message} ({error.code})")
        if codes.of_error(error) == codes.NOT_SIGNED_IN:
            screen.note(f"Sign in: chatjuicer login --server {place.url}")
        _tell(unsent, wanted, screen)
        return codes.of_error(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        _tell(unsent, wanted, screen)
        return codes.INTERRUPTED
    except BrokenPipeError:  # whoever read the output has left
        _leave_output()
        return codes.FAILED
    except (OSError, ValueError) as error:  # of the files and addresses that were named
        screen.failure(str(error))
        _leave_output()
        return codes.FAILED


def _tell(unsent: UnsentMessages, wanted: Namespace, screen: Screen) -> None:
    if wanted.command == "chat" and next(iter(unsent), None):
        screen.note("What was not accepted is kept, and sent by the next chat.")


def _leave_output() -> None:
    """Python would complain once more of what could not be written, when it closes it."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_what_is_closed() -> None:
    """A program whose parent has closed its standard streams has none of them in Python."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115  as long as the program
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # as arguments are; see texts.py


async def _client(place: Place, patience_s: float) -> AsyncClient:
    return AsyncClient(place.url, api_key=place.api_key, store=place.tokens, unsent=place.unsent, patience_s=patience_s)


def _chat(runner: asyncio.Runner, client: AsyncClient, wanted: Namespace, screen: Screen) -> int:
    said = " ".join(wanted.text)
    if not sys.stdin.isatty():
        said = "\n\n".join(part for part in (said, sys.stdin.read().strip("\n")) if part)
        if not said.strip():
            screen.failure("There is nothing to say: give a text, or pipe one in.")
            return codes.WRONG_USE
    talk = Talk(runner, client, screen, model=wanted.model, approve=wanted.yes)
    return talk.say_once(wanted.session, said) if said else talk.converse(wanted.session)


def _again(runner: asyncio.Runner, client: AsyncClient, wanted: Namespace, screen: Screen) -> int:
    """Without a message that is named, it is the last one."""
    session = client.session(wanted.session)

    def named(role: str) -> str:
        message: str = wanted.message or runner.run(session.last(role)).id
        return message

    match wanted.command:
        case "regenerate":
            exchange = session.regenerate(named("assistant"), model=wanted.model)
        case "edit":
            exchange = session.edit(named("user"), " ".join(wanted.text), model=wanted.model)
        case _:
            exchange = session.go_on(model=wanted.model)
    return Talk(runner, client, screen, model=wanted.model, approve=wanted.yes).answer(exchange)


def _seconds(text: str) -> float:
    seconds = float(text)
    if isnan(seconds):
        raise ValueError
    return seconds


def _parser() -> ArgumentParser:
    common = ArgumentParser(add_help=False)
    common.add_argument("--server", metavar="URL", default=SUPPRESS, help="instead of the one signed in to last")
    common.add_argument("--json", action="store_true", default=SUPPRESS, help="one JSON object a line")
    common.add_argument(
        "--patience", type=_seconds, metavar="SECONDS", default=SUPPRESS, help="how long the server may be away"
    )
    parser = ArgumentParser(
        prog="chatjuicer", description="Talk to a Chat Juicer server.", epilog=EPILOG, parents=[common]
    )
    parser.add_argument("--version", action="version", version=f"chatjuicer-client {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str) -> ArgumentParser:
        return subparsers.add_parser(name, help=help, description=help, parents=[common])

    login = command("login", "Sign in; the password is asked for, or read from a pipe.")
    login.add_argument("--email")
    login.add_argument("--totp", metavar="CODE", help="a one-time password, where the account asks for one")
    login.add_argument("--api-key", action="store_true", help="read an API key in the place of a password")
    command("logout", "End the sign-in, and forget it.")

    chat = command("chat", "Say something and watch the answer; what is piped in is said after the text.")
    chat.add_argument("-s", "--session", metavar="ID", help="made if there is none; without it a new one")
    chat.add_argument("-m", "--model")
    chat.add_argument("-y", "--yes", action="store_true", help="approve every tool call")
    chat.add_argument("text", nargs="*")

    sessions = command("sessions", "List the sessions, the last used first.")
    sessions.add_argument("--deleted", action="store_true", help="those in the trash")
    sessions.add_argument("search", nargs="*", help="in their titles")

    rename = command("rename", "Give a session another title.")
    rename.add_argument("session", metavar="ID")
    rename.add_argument("title", nargs="+")
    for name, help in (
        ("pin", "Keep sessions at the top of the list."),
        ("unpin", "Let them go with the others."),
        ("delete", "Put sessions into the trash."),
        ("restore", "Take them out of it."),
        ("read", "Mark them as read, on all devices."),
    ):
        of_several = command(name, help)
        of_several.add_argument("sessions", nargs="+", metavar="ID")
        if name == "delete":
            of_several.add_argument(
                "--permanent", action="store_true", help="for ever: nothing of them can be restored"
            )

    draft = command("draft", "What was begun to be written in a session; with a text, this from now on.")
    draft.add_argument("-s", "--session", metavar="ID", required=True)
    draft.add_argument("text", nargs="*", help='"" takes it away')

    for name, help in (
        ("regenerate", "Another answer to the same words."),
        ("edit", "Other words in the place of what was said, and an answer to them."),
        ("continue", "More of the last answer, which was cut short."),
    ):
        again = command(name, help)
        again.add_argument("-s", "--session", metavar="ID", required=True)
        again.add_argument("-m", "--model")
        again.add_argument("-y", "--yes", action="store_true", help="approve every tool call")
        if name != "continue":
            again.add_argument("--message", metavar="ID", help="instead of the last one")
        if name == "edit":
            again.add_argument("text", nargs="+")

    search = command("search", "Find what was said; `--` stands before words to be excluded: -- -ferry train.")
    search.add_argument("-s", "--session", metavar="ID")
    search.add_argument("words", nargs="+")

    export = command("export", "One session, or all of the account as a zip.")
    export.add_argument("-s", "--session", metavar="ID")
    export.add_argument("-f", "--format", choices=["json", "markdown", "html"], default="markdown")
    export.add_argument("-o", "--output", metavar="FILE", default="-")

    command("import", "Take in an export, of this or of another product.").add_argument("file")

    watch = command("watch", "Tell what happens to the account's sessions, on any device.")
    watch.add_argument("--after", type=int, metavar="N", help="from that event on; without it, from now on")

    upload = command("upload", "Give a session files.")
    upload.add_argument("-s", "--session", metavar="ID", required=True, help="made if there is none")
    upload.add_argument("--folder", default="sources")
    upload.add_argument("files", nargs="+")

    download = command("download", "Fetch a file of a session.")
    download.add_argument("-s", "--session", metavar="ID", required=True)
    download.add_argument("--folder", default="sources", help="or output: what the agent made")
    download.add_argument("-o", "--output", metavar="FILE", help="- is the standard output")
    download.add_argument("name")
    return parser
