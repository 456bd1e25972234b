"""Runs a program with less than its user may do. A program of its own, for Linux; it knows nothing of the rest.

    python -I sandbox.py PATH... -- PROGRAM [ARGUMENT...]

The Python PROGRAM may read the PATHs, and what the interpreter and the system's libraries need; it writes to nothing
but what it was given open, opens no socket, starts no other program, and traces and signals no other process. Landlock
keeps the files, seccomp the system calls; what the kernel does not have is left out, which `missing` says.
"""

import ctypes
import mimetypes
import os
import platform
import runpy
import struct
import sys
from collections.abc import Sequence

# linux/landlock.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# All rights over files, by the version that brought them: 13, then REFER, TRUNCATE and IOCTL_DEV.
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
NET = {4: 3}  # to bind and to connect by TCP
SCOPES = {6: 3}  # abstract sockets and signals

# linux/prctl.h, linux/seccomp.h, linux/filter.h
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # with EPERM
KILL = 0x80000000
X32 = 0x40000000  # system calls of another table of the same processor

# By processor: what AUDIT_ARCH says of it, and the numbers of what is refused: socket, socketpair, connect, bind, fork,
# vfork, execve, execveat, kill, tkill, tgkill, ptrace, process_vm_readv and _writev, mount, umount, pivot_root, bpf,
# keyctl, perf_event_open, userfaultfd, unshare, setns, io_uring_setup, memfd_create, pidfd_open, pidfd_getfd.
REFUSED: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        (41, 53, 42, 49, 57, 58, 59, 322, 62, 200, 234, 101, 310, 311, 165, 166, 155, 321, 250, 298, 323, 272, 308, 425,
         319, 434, 438),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 199, 203, 200, 221, 281, 129, 130, 131, 117, 270, 271, 40, 39, 41, 280, 219, 241, 282, 97, 268, 425, 279,
         434, 438),
    ),
}  # fmt: skip


def missing() -> list[str]:
    """What of the sandbox this system does not have; empty: it has all."""
    if not sys.platform.startswith("linux"):
        return ["Landlock", "seccomp"]
    found = [] if landlock_version() else ["Landlock"]
    # A filter at no address: a kernel that knows the call does not find it, another one does not know the call.
    libc().prctl(SET_SECCOMP, FILTER, None, 0, 0)
    has_filter = ctypes.get_errno() == 14 and platform.machine() in REFUSED
    return found if has_filter else [*found, "seccomp"]


def landlock_version() -> int:
    """0: none."""
    return max(0, libc().syscall(CREATE_RULESET, None, 0, VERSION))


def enter(readable: Sequence[str]) -> None:
    """From now on, and for whatever this process starts."""
    checked(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    lacks = missing()
    if "Landlock" not in lacks:
        keep_files(readable)
    if "seccomp" not in lacks:
        filter_calls()


def keep_files(readable: Sequence[str]) -> None:
    version = landlock_version()
    handled = newest(RIGHTS, version), newest(NET, version), newest(SCOPES, version)
    parts = 1 if version < 4 else 2 if version < 6 else 3  # what an older kernel does not know may not be there
    attributes = struct.pack(f"{parts}Q", *handled[:parts])
    ruleset = checked(libc().syscall(CREATE_RULESET, attributes, len(attributes), 0))
    for path in readable:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not every system has each
            continue
        rights = READ_FILE | (READ_DIR if os.path.isdir(path) else 0)
        rule = struct.pack("=Qi", rights, descriptor)
        checked(libc().syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
        os.close(descriptor)
    checked(libc().syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def newest(by_version: dict[int, int], version: int) -> int:
    return max((value for since, value in by_version.items() if since <= version), default=0)


def filter_calls() -> None:
    architecture, numbers = REFUSED[platform.machine()]
    last = len(numbers) + 1  # how far the refusal stands behind the first comparison
    program = [
        (LOAD, 0, 0, 4),  # the table of system calls
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # the call's number
        (AT_LEAST, last, 0, X32),
        *((EQUAL, last - 1 - at, 0, number) for at, number in enumerate(numbers)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_program = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    checked(libc().prctl(SET_SECCOMP, FILTER, filter_program, 0, 0))


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "The sandbox could not be entered.")
    return result


def needed() -> list[str]:
    """By the interpreter: itself, its libraries and the system's."""
    own = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    system = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom")
    return [*own, *system, *map(str, mimetypes.knownfiles), *filter(None, sys.path)]


def main(arguments: list[str]) -> None:
    at = arguments.index("--")
    paths, sys.argv = arguments[:at], arguments[at + 1 :]
    if sys.platform.startswith("linux"):
        enter([*needed(), *paths, sys.argv[0]])
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
