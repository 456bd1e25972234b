from .answer import answer
from .mcp import OwnServers
from .offer import offer
from .summarize import summarize
from .title import title
from .try_out import try_out


class SdkAgent:
    """The `Agent` of chat_app/runs/contract.py that is made of the Agents SDK."""

    answer = staticmethod(answer)
    summarize = staticmethod(summarize)
    title = staticmethod(title)
    offer = staticmethod(offer)
    try_out = staticmethod(try_out)

    def __init__(self) -> None:
        self.servers = OwnServers()
