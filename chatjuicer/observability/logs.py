import logging
import logging.config
import re
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

from chatjuicer.observability.context import request_id, run_id, session_id

# An address that is its own permission.
LINK = re.compile(r"(/api/files/(?:get|put)/)[^\s/]+")

CONTEXT = {"request_id": request_id, "session": session_id, "run": run_id}


class JSONFormatter(logging.Formatter):
    """One JSON object a line, with the request, session and run it is about.

    An exception's text may hold what a person wrote, or a secret: it is written at DEBUG only, its type
    and place always.
    """

    def __init__(self, verbose: bool = False) -> None:
        super().__init__()
        self.verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": LINK.sub(r"\1…", record.getMessage()),
        }
        for name, variable in CONTEXT.items():
            if value := getattr(record, name, None) or variable.get():
                line[name] = str(value)
        for name in ("method", "path", "status", "duration_ms"):
            if (value := getattr(record, name, None)) is not None:
                line[name] = LINK.sub(r"\1…", value) if name == "path" else value
        if record.exc_info and record.exc_info[0]:
            kind, error, place = record.exc_info
            line["exception"] = kind.__name__
            line["stack"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(place)]
            if self.verbose:
                line["exception_message"] = str(error)
        return orjson.dumps(line, default=str).decode("utf-8", "replace")


def configure(options: dict[str, Any]) -> None:
    """Called by Django with settings.LOGGING."""
    level = options["level"]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JSONFormatter, "verbose": level == "DEBUG"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # They speak of every statement, frame, or request at DEBUG: with texts, tokens and addresses.
                name: {"level": "WARNING"}
                for name in (
                    "django.db.backends",
                    "websockets",
                    "httpx",
                    "httpcore",
                    "openai",
                    "aiohttp",
                    "asyncio",
                )
            }
            # chatjuicer.request says the same in one line, and more.
            | {"django.request": {"level": "ERROR"}, "uvicorn.access": {"level": "ERROR"}}
            # The first says each socket's address, with the token that an old client puts there; anybody can make
            # the second speak.
            | {"uvicorn.error": {"level": "WARNING"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
        }
    )
