import contextlib
import ipaddress
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address as a listener or a peer has it, stays on this machine."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback
    return False


def came_through_proxy(header_names: Iterable[str]) -> bool:
    """A proxy on this machine makes everybody's peer address a loopback one."""
    return any(name.lower().startswith(FORWARDING) for name in header_names)


FORWARDING = ("forwarded", "x-forwarded-", "x-real-ip", "via", "cf-connecting-ip", "true-client-ip")
