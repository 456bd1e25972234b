"""What a server offers a socket's consumer besides ASGI: a way to send that nobody has to wait for."""

from __future__ import annotations

from typing import Protocol

WIRE = "chatjuicer.wire"
"""Of a socket's ASGI scope, until the socket is accepted: its `Wire`."""


class Wire(Protocol):
    def takes_frames(self) -> bool:
        """Whether the socket is open and the reader takes what it is sent: only then may something be written."""

    def write_text(self, text: str) -> None:
        """As one frame, after all that was sent before."""
