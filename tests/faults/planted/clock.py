"""The clock of a server jumps: the time of day is what it is, and as many seconds more as a file says.

Only for what the product reads; tokens and libraries keep the right time, since nobody could sign in otherwise, and the
database has a clock of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.db.models import Field
from django.utils import timezone

from . import path_of, replace

ROOMS = ("chat_app", "sessions_app", "files_app", "chatjuicer.api", "chatjuicer.operations", "chatjuicer.observability")
TOKENS = "chatjuicer.accounts"


def error_of_clock() -> timedelta:
    try:
        with open(path_of(f"clock-{os.environ['PORT']}")) as file:
            return timedelta(seconds=float(file.read()))
    except OSError:
        return timedelta()


class AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class Wrong(datetime, metaclass=AnyDatetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + error_of_clock()


def install() -> None:
    now: Callable[[], datetime] = timezone.now
    right = SimpleNamespace(**vars(timezone))

    def wrong_now() -> datetime:
        return now() + error_of_clock()

    replace(timezone, "now", wrong_now)
    for name, module in list(sys.modules.items()):
        if name.startswith(ROOMS) and getattr(module, "datetime", None) is datetime:
            replace(module, "datetime", Wrong)
        if name.startswith(TOKENS) and getattr(module, "timezone", None) is timezone:
            replace(module, "timezone", right)
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if isinstance(field, Field) and field.default is now and not model.__module__.startswith(TOKENS):
                field.default = wrong_now
                field.__dict__.pop("_get_default", None)
