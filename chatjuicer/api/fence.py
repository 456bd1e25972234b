"""Which addresses of the internet are public. The address of each connection is checked, not the name or the URL, so
that no spelling, no redirect and no name that resolves differently the second time gets around the check."""

import asyncio
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

# IANA's special-purpose registries; `is_global` knows most of them, more with each version of Python.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "161.26.0.0/16",  # IBM's cloud, from inside
        "168.63.129.16/32",  # Azure's, from inside: keys of the machine
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible, deprecated
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and others
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_within(address: str, networks: Iterable[Network]) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


class NotPublic(OSError):
    """The name leads to an address that is not public."""


Fence = Callable[[str, int], bool]  # address, port


def public_only(address: str, port: int) -> bool:
    return port in ports() and is_public(address) and not is_own(address)


def allowed_or_public(address: str, port: int, within: Sequence[str], ports: Sequence[str], *, secure: bool) -> bool:
    """In one of the operator's networks `within`; else of the public internet, as our own `fetch` may, and by TLS
    alone."""
    if is_within(address, networks(tuple(within))):
        return True
    return secure and str(port) in ports and is_public(address) and not is_own(address)


@lru_cache(maxsize=4)
def networks(named: tuple[str, ...]) -> list[Network]:
    return [ipaddress.ip_network(name) for name in named]


def ports() -> set[int]:
    return {int(port) for port in os.environ.get("FETCH_PORTS", "80,443").split(",") if port.isdigit()}


def is_own(address: str) -> bool:
    """Whether this machine has it: a service that listens on all addresses may trust who asks from here."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))  # only an own address can be bound
        except OSError:
            return False
    return True


def fenced_sockets(may_reach: Fence) -> Callable[[Any], socket.socket]:
    """Makes the sockets of a client, each for one address that has been resolved; there is no other way out."""

    def fenced(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = info
        if family not in (socket.AF_INET, socket.AF_INET6) or not may_reach(str(target[0]), int(target[1])):
            raise NotPublic("not a public address")
        return socket.socket(family, kind, protocol)

    return fenced


MAX_HANDSHAKE_BYTES = 256 * 1024  # a chain of certificates has a tenth of it


class BoundedHandshake(ssl.SSLObject):
    """OpenSSL passes over requests for another handshake within one, however many there are: who never ends it would
    have the event loop to himself until the time is over."""

    incoming: ssl.MemoryBIO
    left = MAX_HANDSHAKE_BYTES

    @classmethod
    def _create(cls, incoming: ssl.MemoryBIO, *args: Any, **options: Any) -> Any:
        """As `SSLContext.wrap_bio` asks for one."""
        made = super()._create(incoming, *args, **options)  # type: ignore[misc]
        made.incoming = incoming
        return made

    def do_handshake(self) -> None:
        """Goes on, each time that something has come. Raises SSLError."""
        came = self.incoming.pending
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            self.left -= came - self.incoming.pending
            if self.left < 0:
                raise ssl.SSLError("the handshake does not end") from None
            raise


def bounded(context: ssl.SSLContext) -> ssl.SSLContext:
    context.sslobject_class = BoundedHandshake
    return context


MAX_LOOK_UPS = 100  # at once
_look_ups = threading.Semaphore(MAX_LOOK_UPS)


async def addresses_of(host: str, port: int, family: int = 0) -> list[tuple[Any, ...]]:
    """As `socket.getaddrinfo` has them, of streams. Raises OSError, also where too many are being looked for.

    Each in a thread of its own, which no end of the process waits for: who names a host chooses how long that takes,
    and the few threads that the event loop has for it are those of the model providers, too.
    """
    if not _look_ups.acquire(blocking=False):
        raise OSError("too many hosts are being looked for")
    found: asyncio.Future[list[tuple[Any, ...]]] = asyncio.get_running_loop().create_future()
    threading.Thread(target=_look_up, args=(found, host, port, family), name="look-up", daemon=True).start()
    return await found


def _look_up(found: asyncio.Future[list[tuple[Any, ...]]], host: str, port: int, family: int) -> None:
    tell: partial[None]
    try:
        addresses = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        tell = partial(found.set_result, list(addresses))
    except Exception as error:
        tell = partial(found.set_exception, error)
    finally:
        _look_ups.release()
    with suppress(RuntimeError):  # the loop is no more
        found.get_loop().call_soon_threadsafe(lambda: found.done() or tell())
