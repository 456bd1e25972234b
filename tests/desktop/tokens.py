"""The client's tokens: one store for all its parts, and in each renderer a copy with a timer of its own."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass


@dataclass(slots=True)
class Store:
    """Electron's main process and its file, or the browser's local storage with all its tabs."""

    access: str = ""
    refresh: str = ""


def expiry_of(token: str) -> float:
    """Seconds since 1970, read as the client does: by decoding, without a look at the signature."""
    part = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"])
