"""Reads settings from the environment as values of a type.

`NAME` may also be given as `NAME_FILE`, the path of a file that holds the value. What is set and empty counts as unset.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import dj_email_url
from dotenv import load_dotenv

SHOWN_CHARS = 50  # of a value that is wrong
YES, NO = ("true", "t", "yes", "y", "on", "1"), ("false", "f", "no", "n", "off", "0")

MOST = 2**63 - 1  # what databases and clients take for a number
MOST_DAYS = 36_500  # from now on or back, of which a calendar still knows
MOST_S = MOST_DAYS * 24 * 3600

Number = TypeVar("Number", int, None)


class BadSetting(SystemExit):
    """Ends the program with status 1 and one line on stderr. The value is shown only where it can be no secret."""

    def __init__(self, name: str, expected: str, value: str | None = None) -> None:
        given = "" if value is None else f", and it is {value[:SHOWN_CHARS]!r}"
        super().__init__(f"The setting {name} is not valid: {expected} is expected{given}.")


@contextmanager
def expecting(name: str) -> Iterator[None]:
    """For what reads the value of a setting further: its ValueError says what is expected."""
    try:
        yield
    except ValueError as error:
        raise BadSetting(name, str(error)) from None


def parsed_email_url(url: str) -> dict[str, Any]:
    """Django's settings for it. Raises BadSetting."""
    try:
        found: dict[str, Any] = dj_email_url.parse(url)
        found["EMAIL_BACKEND"]
    except (KeyError, ValueError):
        raise BadSetting("EMAIL_URL", "smtp://user:password@host:587/?tls=True or the like") from None
    return found


def within(name: str, number: float, least: float, most: float) -> float:
    """Raises BadSetting."""
    if not least <= number <= most:
        raise BadSetting(name, f"a number from {least} to {most}", str(number))
    return number


class Environment:
    """Every method gives `default` where the variable is unset, and raises BadSetting for a value it cannot read."""

    def __init__(self, dotenv: Path | None) -> None:
        """Variables of the file `dotenv`, if it is there, become variables of the process, which keeps those it has."""
        if dotenv is not None:
            load_dotenv(dotenv)

    def text(self, name: str, default: str = "") -> str:
        return self._value(name) or default

    def choice(self, name: str, default: str, *others: str) -> str:
        value = self._value(name) or default
        if value not in (default, *others):
            raise BadSetting(name, " or ".join(filter(None, (default, *others))), value)
        return value

    def names(self, name: str, *default: str) -> list[str]:
        """Separated by commas."""
        value = self._value(name)
        return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)

    def flag(self, name: str, default: bool) -> bool:
        value = self._value(name)
        if not value:
            return default
        if value.lower() not in YES + NO:
            raise BadSetting(name, "true or false", value)
        return value.lower() in YES

    def number(self, name: str, default: Number, least: int = 0, most: int = MOST) -> int | Number:
        value = self._value(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise BadSetting(name, "a whole number", value) from None
        if not least <= number <= most:
            raise BadSetting(name, f"a whole number from {least} to {most}", value)
        return number

    def seconds(self, name: str, default: float, least: float = 0, most: float = MOST_S) -> float:
        return self._duration(name, default, "seconds", least, most)

    def days(self, name: str, default: float) -> float:
        return self._duration(name, default, "days", 0, MOST_DAYS)

    def _duration(self, name: str, default: float, unit: str, least: float, most: float) -> float:
        value = self._value(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadSetting(name, f"a number of {unit}", value)
        return within(name, number, least, most)

    def address(self, name: str, *schemes: str) -> str:
        """An URL, whose value may be a secret; empty where it is unset."""
        value = self._value(name)
        if value and not _is_address(value, schemes):
            raise BadSetting(name, " or ".join(f"{scheme}://…" for scheme in schemes))
        return value

    def amount(self, name: str) -> Decimal:
        """Of money; 0 where the variable is unset."""
        value = self._value(name)
        try:
            amount = Decimal(value or 0)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise BadSetting(name, "an amount such as 2.50", value)
        return amount

    def path(self, name: str, default: str) -> Path:
        return Path(self._value(name) or default).expanduser()

    def json_object(self, name: str, default: dict[str, Any]) -> dict[str, Any]:
        value = self._value(name)
        if not value:
            return default
        parsed = _parsed(name, value)
        if not isinstance(parsed, dict):
            raise BadSetting(name, 'a JSON object such as {"name": {…}}')
        return parsed

    def json_list(self, name: str) -> list[Any]:
        """Empty where the variable is unset."""
        value = self._value(name)
        parsed = _parsed(name, value) if value else []
        if not isinstance(parsed, list):
            raise BadSetting(name, 'a JSON list such as [{"name": …}]')
        return parsed

    def counts(self, name: str) -> dict[str, int]:
        """A JSON object of whole numbers above 0."""
        counts = self.json_object(name, {})
        if not all(type(count) is int and count > 0 for count in counts.values()):
            raise BadSetting(name, 'a JSON object such as {"name": 4096}')
        return counts

    def _value(self, name: str) -> str:
        """Without the line's end that an editor or `echo` puts after the value; empty if it is unset."""
        if file := os.environ.get(f"{name}_FILE", "").strip():
            try:
                return Path(file).read_text().strip()
            except (OSError, UnicodeDecodeError):
                raise BadSetting(f"{name}_FILE", "the path of a file that can be read", file) from None
        return os.environ.get(name, "").strip()


def _parsed(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadSetting(name, f"JSON (see position {getattr(error, 'pos', 0)})") from None


def _is_address(value: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:  # what stands in the place of a port is none
        return False
