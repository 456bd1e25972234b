from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .tool import ToolFailure, tool


@tool
async def current_time(timezone: str = "UTC") -> str:
    """The current date and time.

    Args:
        timezone: IANA name of the time zone, such as "Europe/Berlin".
    """
    try:
        zone = UTC if timezone in ("", "UTC") else ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolFailure("There is no such time zone. Use an IANA name such as Europe/Berlin.") from None
    now = datetime.now(zone)
    return f"{now:%A, %d %B %Y, %H:%M:%S} {timezone or 'UTC'} ({now.isoformat(timespec='seconds')})"
