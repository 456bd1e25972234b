"""The name under which a process owns runs, and whether the process of a name still lives."""

import os
import secrets
import socket
from pathlib import Path


def _machine() -> str:
    """Names the set of processes whose ids are comparable with ours: one boot of one kernel, one pid namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot[:13]}.{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()[:40]


MACHINE = _machine()
OWNER = f"{MACHINE}:{os.getpid()}:{secrets.token_hex(4)}"


def is_dead(owner: str) -> bool:
    """True only if certain: the process was on this machine and is gone. Elsewhere only the lease tells."""
    machine, _, rest = owner.rpartition(":")[0].rpartition(":")
    if machine != MACHINE or not rest.isdigit():
        return False
    if int(rest) == os.getpid():
        return owner != OWNER
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
