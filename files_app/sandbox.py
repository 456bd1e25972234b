"""Runs a program with less than its user may do. A program of its own, for Linux; it knows nothing of the rest.

    python -I sandbox.py [OPTION...] -- PROGRAM [ARGUMENT...]

A reader of documents is a Python PROGRAM that may read what `--read` names, and what the interpreter and the system's
libraries need; it writes to nothing but what it was given open, opens no socket, starts no other program, and traces
and signals no other process. With `--serve`, PROGRAM is any other: it may start what `--read` names, see the names in
folders that `--list` names, write to what `--write` names, and, with `--network`, speak to the internet. Landlock keeps
the files, seccomp the system calls; what the kernel does not have is left out, which `missing` says. Started by root,
it becomes the `--user`, or else keeps no more of root than its name.
"""

import argparse
import ctypes
import mimetypes
import os
import platform
import runpy
import struct
import sys
from collections.abc import Iterable, Sequence

# linux/landlock.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15  # all others are of folders
# All rights over files, by the version that brought them: 13, then REFER, TRUNCATE and IOCTL_DEV.
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
NET = {4: 3}  # to bind and to connect by TCP
SCOPES = {6: 3}  # abstract sockets and signals

# linux/prctl.h, linux/seccomp.h, linux/filter.h
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2
DROP_FROM_BOUNDS, CAPABILITIES_3 = 24, 0x20080522
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # with EPERM
KILL = 0x80000000
X32 = 0x40000000  # system calls of another table of the same processor

# By processor: what AUDIT_ARCH says of it, and the number of socket.
ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
INTERNET = (2, 10, 16)  # AF_INET, AF_INET6, and AF_NETLINK, by which they are looked up

# The numbers of what is refused to readers: socketpair, connect, bind, fork, vfork, execve, execveat, kill, tkill,
# tgkill, ptrace, process_vm_readv and _writev, mount, umount, pivot_root, bpf, keyctl, perf_event_open, userfaultfd,
# unshare, setns, io_uring_setup, memfd_create, pidfd_open, pidfd_getfd.
TO_READERS: dict[str, tuple[int, ...]] = {
    "x86_64": (53, 42, 49, 57, 58, 59, 322, 62, 200, 234, 101, 310, 311, 165, 166, 155, 321, 250, 298, 323, 272, 308,
               425, 319, 434, 438),
    "aarch64": (199, 203, 200, 221, 281, 129, 130, 131, 117, 270, 271, 40, 39, 41, 280, 219, 241, 282, 97, 268, 425,
                279, 434, 438),
}  # fmt: skip
# And to others: ptrace, process_vm_readv and _writev, mount, umount, pivot_root, bpf, keyctl, add_key, request_key,
# perf_event_open, userfaultfd, unshare, setns, io_uring_setup, pidfd_getfd, kexec_load, init_module, finit_module,
# delete_module.
TO_SERVERS: dict[str, tuple[int, ...]] = {
    "x86_64": (101, 310, 311, 165, 166, 155, 321, 250, 248, 249, 298, 323, 272, 308, 425, 438, 246, 175, 313, 176),
    "aarch64": (117, 270, 271, 40, 39, 41, 280, 219, 217, 218, 241, 282, 97, 268, 425, 438, 104, 105, 273, 106),
}
NO_USER = -1


def missing() -> list[str]:
    """What of the sandbox this system does not have; empty: it has all."""
    if not sys.platform.startswith("linux"):
        return ["Landlock", "seccomp"]
    found = [] if landlock_version() else ["Landlock"]
    # A filter at no address: a kernel that knows the call does not find it, another one does not know the call.
    libc().prctl(SET_SECCOMP, FILTER, None, 0, 0)
    has_filter = ctypes.get_errno() == 14 and platform.machine() in ARCHITECTURES
    return found if has_filter else [*found, "seccomp"]


def landlock_version() -> int:
    """0: none."""
    return max(0, libc().syscall(CREATE_RULESET, None, 0, VERSION))


def enter(rights: Iterable[tuple[str, int]], refused: Sequence[int], network: bool = False) -> None:
    """From now on, and for whatever this process starts. `rights` over what lies below the paths."""
    checked(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    lacks = missing()
    if "Landlock" not in lacks:
        keep_files(rights, network)
    if "seccomp" not in lacks:
        filter_calls(refused, INTERNET if network else ())


def keep_files(rights: Iterable[tuple[str, int]], network: bool) -> None:
    version = landlock_version()
    files = newest(RIGHTS, version)
    handled = files, 0 if network else newest(NET, version), newest(SCOPES, version)
    parts = 1 if version < 4 else 2 if version < 6 else 3  # what an older kernel does not know may not be there
    attributes = struct.pack(f"{parts}Q", *handled[:parts])
    ruleset = checked(libc().syscall(CREATE_RULESET, attributes, len(attributes), 0))
    for path, wanted in rights:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not every system has each
            continue
        allowed = wanted & (files if os.path.isdir(path) else files & OF_FILES)
        checked(libc().syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0))
        os.close(descriptor)
    checked(libc().syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def newest(by_version: dict[int, int], version: int) -> int:
    return max((value for since, value in by_version.items() if since <= version), default=0)


def filter_calls(refused: Sequence[int], families: Sequence[int]) -> None:
    """`families` of addresses: those of which sockets may be opened; none: no socket may."""
    architecture, socket = ARCHITECTURES[platform.machine()]
    numbers = [*refused, *(() if families else (socket,))]
    head: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, 4),  # the table of system calls
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # the call's number
    ]
    tail: list[tuple[int, int, int, int]] = [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    if families:
        last = len(families)
        tail = [
            (EQUAL, 1, 0, socket),
            (RETURN, 0, 0, ALLOW),
            (LOAD, 0, 0, 16),  # its first argument
            *((EQUAL, last - at, 0, family) for at, family in enumerate(families)),
            (RETURN, 0, 0, REFUSE),
            (RETURN, 0, 0, ALLOW),
        ]
    refusal = len(numbers) + max(at for at, line in enumerate(tail) if line == (RETURN, 0, 0, REFUSE))
    program = [
        *head,
        (AT_LEAST, refusal, 0, X32),
        *((EQUAL, refusal - 1 - at, 0, number) for at, number in enumerate(numbers)),
        *tail,
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


DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")


def rights_of_server(read: Iterable[str], listed: Iterable[str], write: Iterable[str]) -> Iterable[tuple[str, int]]:
    every = newest(RIGHTS, max(RIGHTS))
    yield from ((path, READ_FILE | READ_DIR | EXECUTE) for path in read)
    yield from ((path, READ_DIR) for path in listed)
    yield from ((path, READ_FILE | WRITE_FILE) for path in DEVICES)
    yield from ((path, every) for path in write)


def is_open_to_others(path: str) -> bool:
    """Whether any user may read the file or folder, by its mode and those of the folders above it."""
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
        above = path
        while above != (above := os.path.dirname(above)):
            if not os.stat(above).st_mode & 0o001:
                return False
    except OSError:
        return False
    return mode & 0o005 == 0o005 if os.path.isdir(path) else bool(mode & 0o004)


def is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def keeps_root() -> bool:
    """Whether this is root, and readers are, too, because others could not read the interpreter's own files."""
    return is_root() and not all(map(is_open_to_others, (sys.executable, sys.prefix, sys.base_prefix, __file__)))


def give_up_root(user: int) -> None:
    if user == NO_USER:
        for capability in range(64):  # those that the kernel does not know are refused
            libc().prctl(DROP_FROM_BOUNDS, capability, 0, 0, 0)
        none = ctypes.create_string_buffer(24)
        checked(libc().capset(struct.pack("=Ii", CAPABILITIES_3, 0), none))
        return
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def main(arguments: list[str]) -> None:
    at = arguments.index("--")
    options, program = options_of(arguments[:at]), arguments[at + 1 :]
    if sys.platform.startswith("linux") and is_root():
        give_up_root(options.user)
    machine = platform.machine()
    if options.serve:
        if sys.platform.startswith("linux"):
            rights = rights_of_server(options.read, options.list, options.write)
            enter(rights, TO_SERVERS.get(machine, ()), options.network)
        os.execv(program[0], program)  # noqa: S606
    if sys.platform.startswith("linux"):
        readable = [*needed(), *options.read, program[0]]
        enter([(path, READ_FILE | READ_DIR) for path in readable], TO_READERS.get(machine, ()))
    sys.argv = program
    runpy.run_path(program[0], run_name="__main__")


def options_of(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("read", "list", "write"):
        parser.add_argument(f"--{name}", action="append", default=[])
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--user", type=int, default=NO_USER)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
