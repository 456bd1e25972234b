"""What may follow the options of commands. Each raises ArgumentTypeError, whose sentence whoever types is shown."""

from argparse import ArgumentTypeError
from datetime import date

MAX_SECONDS = 100 * 365 * 24 * 3600
MAX_NUMBER = 1_000_000
MAX_PORT = 65535


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("a day is written as 2026-11-01") from None


def seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= MAX_SECONDS:  # nor what is no number
        raise ArgumentTypeError("a number of seconds is expected, 0 or more")
    return found


def number(text: str) -> int:
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_NUMBER)) else 0
    if not 0 < found <= MAX_NUMBER:
        raise ArgumentTypeError(f"a number from 1 to {MAX_NUMBER} is expected")
    return found


def host_and_port(text: str) -> tuple[str, int]:
    """The host is empty where only a port is named."""
    host, _, port = text.rpartition(":")
    found = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT)) else 0
    if not 0 < found <= MAX_PORT:
        raise ArgumentTypeError("an address such as 127.0.0.1:9100 is expected")
    return host.strip("[]"), found
