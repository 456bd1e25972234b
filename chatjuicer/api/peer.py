"""Whose process is at the other end of a connection on this machine, as far as the system tells: Linux does.

A loopback address says only that it is some process here, which may be another user's.
"""

import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

SYSTEM_TELLS = sys.platform == "linux"
KEY = "peer_uid"
"""Of an ASGI scope, or of a WSGI environment: the user id, or None. Set by the server; no header becomes this key."""

IS_KNOWN = "chatjuicer.is_known"
"""Of a socket's ASGI scope: what is called once its client is known. Until then it counts for its address."""

Address = tuple[str, int]

# linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, NLMSG_ERROR = 4, 20, 1, 2
NETLINK_HEADER = struct.Struct("=IHHII")
REQUEST_HEAD = struct.Struct("=BBBxI")  # family, protocol, extensions, states
SOCKET_ID = struct.Struct("!HH16s16s4x8s")  # ports of the wanted socket and its peer, addresses, interface, cookie
ANSWER = struct.Struct("=BBBB48xIIIII")  # family, state, …, user id, inode
ANY_COOKIE = b"\xff" * 8
ESTABLISHED, CLOSE_WAIT = 1, 8


def is_own_user(scope: Mapping[str, Any]) -> bool:
    """Whether the process at the other end runs under the server's own user id; True where the system does not tell."""
    return not SYSTEM_TELLS or scope.get(KEY) == os.geteuid()


def uid_of(client: Address, server: Address) -> int | None:
    """The user id of the open socket whose own address is `client` and whose peer is `server`; None: there is none."""
    try:
        return _asked_of_kernel(client, server)
    except OSError:  # a kernel or a sandbox without this interface
        return _read_from_proc(client, server)


def _asked_of_kernel(client: Address, server: Address) -> int | None:
    """By one look-up, however many sockets there are. Raises OSError where the kernel answers no such question."""
    own, peer = _packed(client[0]), _packed(server[0])
    family = socket.AF_INET if len(own) == 4 else socket.AF_INET6
    wanted = SOCKET_ID.pack(client[1], server[1], own, peer, ANY_COOKIE)
    body = REQUEST_HEAD.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + wanted
    head = NETLINK_HEADER.pack(NETLINK_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.send(head + body)
        answer = kernel.recv(4096)
    _, kind, *_ = NETLINK_HEADER.unpack_from(answer)
    if kind == NLMSG_ERROR:
        (negative,) = struct.unpack_from("=i", answer, NETLINK_HEADER.size)
        if -negative == errno.ENOENT:
            return None
        raise OSError(-negative, os.strerror(-negative))
    _, state, _, _, _, _, _, uid, inode = ANSWER.unpack_from(answer, NETLINK_HEADER.size)
    return uid if _is_held(state, inode) else None


def _read_from_proc(client: Address, server: Address) -> int | None:
    sought = (_packed(client[0]), client[1], _packed(server[0]), server[1])
    for table in ("tcp", "tcp6"):
        with suppress(OSError), Path(f"/proc/net/{table}").open() as rows:
            next(rows, None)
            for row in rows:
                columns = row.split()
                if (*_endpoint(columns[1]), *_endpoint(columns[2])) == sought:
                    return int(columns[7]) if _is_held(int(columns[3], 16), int(columns[9])) else None
    return None


def _is_held(state: int, inode: int) -> bool:
    """By a process. What nobody has open any more is shown as root's."""
    return inode != 0 and state in (ESTABLISHED, CLOSE_WAIT)


def _endpoint(text: str) -> tuple[bytes, int]:
    """Of "0100007F:1F90": words in the machine's byte order, and a port."""
    address, _, port = text.partition(":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return _packed(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))), int(port, 16)


def _packed(address: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """An IPv4 address as such, also where it is written as one of IPv6."""
    found = ipaddress.ip_address(str(address).partition("%")[0])
    return (getattr(found, "ipv4_mapped", None) or found).packed
