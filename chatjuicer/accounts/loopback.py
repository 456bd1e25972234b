import contextlib
import ipaddress


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
