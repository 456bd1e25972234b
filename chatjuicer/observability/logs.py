"""How log lines look: for people on a terminal, JSON everywhere else."""

import asyncio
import logging
import logging.config
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from chatjuicer.observability.context import request_id, run_id, session_id

# Addresses that are their own permission, and API keys that somebody has put into one.
LINK = re.compile(r"(/api/files/(?:get|put)/|/api/shares/|(?<!\w)/share/|\bcj_(?=[\w-]{30}))[^\s/]+")
MAX_MESSAGE_CHARS = 2_000
MAX_VALUE_CHARS = 200  # of what a line is given to tell, such as a path that somebody sent

CONTEXT = {"request_id": request_id, "session": session_id, "run": run_id}
OF_A_REQUEST = ("method", "path", "status", "duration_ms")


def message_of(record: logging.LogRecord) -> str:
    message = str(record.msg)
    if isinstance(record.args, tuple) and record.args:
        message %= tuple(cut(value, MAX_VALUE_CHARS) if isinstance(value, str) else value for value in record.args)
    elif record.args:
        message = record.getMessage()
    return cut(LINK.sub(r"\1…", message), MAX_MESSAGE_CHARS)


def cut(text: str, most_chars: int) -> str:
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"


def context_of(record: logging.LogRecord) -> dict[str, str]:
    """What the line is about: the request, session and run of the task or thread that wrote it."""
    found = {name: getattr(record, name, None) or variable.get() for name, variable in CONTEXT.items()}
    return {name: str(value) for name, value in found.items() if value}


def request_of(record: logging.LogRecord) -> dict[str, Any]:
    """What chatjuicer.request says of an answer."""
    about = {name: value for name in OF_A_REQUEST if (value := getattr(record, name, None)) is not None}
    if "path" in about:
        about["path"] = cut(LINK.sub(r"\1…", about["path"]), MAX_VALUE_CHARS)
    return about


def places_of(record: logging.LogRecord) -> list[str]:
    assert record.exc_info is not None
    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(record.exc_info[2])]


class JSONFormatter(logging.Formatter):
    """One JSON object a line, with the request, session and run it is about.

    An exception's text may hold what a person wrote, or a secret: it is written at DEBUG only, its type
    and place always.
    """

    def __init__(self, verbose: bool = False) -> None:
        super().__init__()
        self.verbose = verbose

    def line_of_answer(self, answer: "Answered") -> str:
        """As `format` makes it of a record that says the same; by hand, for it is made by the thousand."""
        at = datetime.fromtimestamp(answer.at, UTC).isoformat(timespec="microseconds")
        return (
            f'{{"at":"{at}","level":"info","logger":"{REQUESTS.name}","message":"request",'
            f'"request_id":"{answer.request_id}",{_asked(answer.method, answer.path)},'
            f'"status":{answer.status},"duration_ms":{answer.duration_ms}}}'
        )

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
        }
        line |= context_of(record) | request_of(record)
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["stack"] = places_of(record)
            if self.verbose:
                line["exception_message"] = cut(str(record.exc_info[1]), MAX_MESSAGE_CHARS)
        return orjson.dumps(line, default=str).decode("utf-8", "replace")


@lru_cache(maxsize=256)
def _asked(method: str, path: str) -> str:
    """Its two members of the line's object."""
    about = {"method": method, "path": cut(LINK.sub(r"\1…", path), MAX_VALUE_CHARS)}
    return orjson.dumps(about)[1:-1].decode("utf-8", "replace")


COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
OF_STATUS = {2: "32", 3: "36", 4: "33", 5: "31"}
# A newline or an escape in a path would draw what it likes on the operator's terminal.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class TextFormatter(logging.Formatter):
    """A line for people: `12:30:01 INFO    GET /api/health 200 1.2 ms`.

    Below it, of an exception, what JSONFormatter says too.
    """

    def __init__(self, verbose: bool = False, colour: bool = False) -> None:
        super().__init__()
        self.verbose, self.colour = verbose, colour

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = self._in(COLOURS.get(record.levelname, "0"), f"{record.levelname:<7}")
        first = f"{self._in('2', at)} {level} {' '.join(self._parts(record))}"
        return "\n".join([first, *self._below(record)])

    def _parts(self, record: logging.LogRecord) -> Iterator[str]:
        about = request_of(record)
        if "status" in about:
            yield CONTROL.sub("�", f"{about.get('method')} {about.get('path')}")
            yield self._in(OF_STATUS.get(about["status"] // 100, "0"), str(about["status"]))
            yield f"{about.get('duration_ms', 0):g} ms"
            return
        yield CONTROL.sub("�", f"{record.name}: {message_of(record)}")
        context = context_of(record)
        yield from (self._in("2", f"{name}={context[name]}") for name in ("session", "run") if name in context)

    def _below(self, record: logging.LogRecord) -> Iterator[str]:
        if record.exc_info and record.exc_info[0]:
            yield from (f"    {place}" for place in places_of(record))
            text = f": {cut(str(record.exc_info[1]), MAX_MESSAGE_CHARS)}" if self.verbose else ""
            yield f"    {record.exc_info[0].__name__}{text}"

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colour else text


class Answered(NamedTuple):
    """`request_id` is one of ours, or looks like one: it needs no escaping."""

    at: float  # of the clock
    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float


class Answers:
    """The lines of what the event loop answers by the thousand. A record, its format and a write would cost more than
    the answer: those of GATHER_S are made without records, and written together."""

    def __init__(self) -> None:
        self._noted: list[Answered] = []
        self._handler: logging.StreamHandler[Any] | None = None

    def write_to(self, handler: "logging.StreamHandler[Any]") -> None:
        self._handler = handler

    def note(self, request_id: str, method: str, path: str, status: int, duration_ms: float) -> None:
        """On the loop."""
        if self._handler is None or not REQUESTS.isEnabledFor(logging.INFO):
            return
        self._noted.append(Answered(time.time(), request_id, method, path, status, duration_ms))
        if len(self._noted) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self.write)

    def write(self) -> None:
        noted, self._noted = self._noted, []
        if self._handler is not None and noted:
            lines = [self._line(self._handler, answer) for answer in noted]
            with self._handler.lock or nullcontext():
                self._handler.stream.write("\n".join([*lines, ""]))
                self._handler.flush()

    def _line(self, handler: "logging.StreamHandler[Any]", answer: Answered) -> str:
        if isinstance(handler.formatter, JSONFormatter):
            return handler.formatter.line_of_answer(answer)
        about = {name: getattr(answer, name) for name in OF_A_REQUEST}
        record = REQUESTS.makeRecord(REQUESTS.name, logging.INFO, "", 0, "request", (), None, extra=about)
        record.created = answer.at
        return handler.format(record)


REQUESTS = logging.getLogger("chatjuicer.request")
GATHER_S = 0.02
answers = Answers()


def configure(options: dict[str, Any]) -> None:
    """Called by Django with settings.LOGGING: `level`, and `format` (json, text, or empty: text on a terminal)."""
    level, terminal = options["level"], sys.stderr.isatty()
    text = options["format"] == "text" or (terminal and not options["format"])
    formatter: dict[str, Any] = {"()": JSONFormatter, "verbose": level == "DEBUG"}
    if text:
        formatter = {"()": TextFormatter, "verbose": level == "DEBUG", "colour": terminal}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": formatter},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # At DEBUG they log every statement, frame or request, with texts, tokens and addresses.
                name: {"level": "WARNING"}
                for name in (
                    "django.db.backends",
                    "websockets",
                    "httpx",
                    "httpx2",
                    "httpcore",
                    "httpcore2",
                    "openai",
                    "aiohttp",
                    "asyncio",
                )
            }
            # chatjuicer.request says the same in one line, and more.
            | {"django.request": {"level": "ERROR"}, "uvicorn.access": {"level": "ERROR"}}
            # The first logs each socket's address, with the token that an old client puts there; any client can make
            # the second log.
            | {"uvicorn.error": {"level": "WARNING"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
        }
    )
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    answers.write_to(handler)
