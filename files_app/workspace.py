"""A session's files as the agent's tools see them. All of it is synchronous: call it in a thread.

A path is what an agent says: `sources/a.txt`, `output/x`, `.`, or a bare `a.txt`, which is looked for in sources and
then in output. What stands below `agent` are the files of the agent that acts, which nobody changes from a session. A
path names a row of the two and nothing else, so that there is no way to anything outside.
"""

import fnmatch
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from django.conf import settings

from files_app import kinds, names
from files_app.envelope import Reader
from files_app.exceptions import FileTooLarge, InvalidName, NoSuchFile
from files_app.incoming import CHUNK_BYTES, Incoming
from files_app.listing import Entry, entries, root, roots
from files_app.models import File, Holder, bytes_of
from files_app.opened import as_it_is_now, chunks_of, reader_of
from sessions_app.models import Agent, ChatSession

FOUND_AT_MOST = 1000


class Workspace:
    """Raises InvalidName, NoSuchFile, FileTooLarge, QuotaExceeded and FileChanged, whose `message` may be shown."""

    def __init__(self, session: ChatSession, agent: Agent | None = None) -> None:
        self.session = session
        self._holders: dict[str, Holder] = dict.fromkeys(names.FOLDERS, session)
        if agent:
            self._holders[names.AGENT] = agent

    def list(self, path: str = ".") -> Sequence[Entry]:
        """What stands in a folder, folders first; at "." the folders there are."""
        folder, below = self._parted(path)
        if not folder and not below:
            return [*roots(self.session), *self._root_of_agent()]
        for where, holder in self._places(folder):
            found = entries(holder, where, f"{below}/" if below else "")
            if found:
                return found
        if folder and not below:
            return []
        raise NoSuchFile(f"There is no folder {path}.")

    def source_names(self, limit: int = 50) -> Sequence[str]:
        """Of the files in sources and below, sorted."""
        return [*self.session.files.below(names.SOURCES).order_by("name").values_list("name", flat=True)[:limit]]

    def find(self, path: str) -> File:
        folder, name = self._parted(path)
        if name:
            for where, holder in self._places(folder):
                if file := holder.files.filter(folder=where, name=name).first():
                    return file
        raise NoSuchFile(f"There is no file {path}.")

    def search(self, pattern: str, base: str = ".") -> Sequence[Entry]:
        """Files whose name matches, by `*`, `?` and `[…]`, in any case.

        A pattern with a "/" is for the path below `base`, another for the last part of it.
        """
        if len(pattern) > names.MAX_NAME_BYTES or "\x00" in pattern:
            raise InvalidName(f"A pattern has at most {names.MAX_NAME_BYTES} characters.")
        folder, below = self._parted(base)
        prefix = f"{below}/" if below else ""
        wanted = pattern.removeprefix("./").removeprefix("**/").lower()
        found = []
        for where, holder in self._places(folder):
            rows = holder.files.below(where, prefix).order_by("name")
            for file in rows.iterator(chunk_size=1000):
                inside = file.name[len(prefix) :] if folder else file.path
                said = inside if "/" in wanted else file.basename
                if fnmatch.fnmatchcase(said.lower(), wanted):
                    found.append(
                        Entry(inside, file.path, "file", file.size_bytes, file.modified_at, file.content_type, file.pk)
                    )
                if len(found) == FOUND_AT_MOST:
                    return found
        return found

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[File, Reader]]:
        file = self.find(path)
        with closing(as_it_is_now(file, reader_of)) as reader:
            yield file, reader

    def read_bytes(self, path: str, max_bytes: int | None = None) -> tuple[File, bytes]:
        """The file too, for `write(replacing=…)`. Raises FileTooLarge if there are more."""
        file = self.find(path)
        most = settings.MAX_FILE_SIZE if max_bytes is None else max_bytes
        return file, as_it_is_now(file, partial(bytes_in, max_bytes=most))

    def write(self, path: str, data: bytes, replacing: File | None = None) -> File:
        """Puts the bytes there at once; when it returns they and their row are there to stay.

        A bare name is a file there is, or else one in output. With `replacing`, as read before, FileChanged is
        raised if somebody has written meanwhile.
        """
        folder, name = self._parted(path)
        if not name:
            raise InvalidName("A file needs a name.")
        if folder == names.AGENT:
            raise InvalidName("The agent's own files are not changed from a session: write below output.")
        if not folder:
            held = [where for where in names.FOLDERS if self.session.files.filter(folder=where, name=name).exists()]
            folder = (held or [names.OUTPUT])[0]
        with Incoming(settings.MAX_FILE_SIZE, name) as incoming:
            incoming.write(data)
            with bytes_of(self.session, incoming) as (stored, facts):
                return File.objects.put(self.session, folder, name, stored, facts, replacing=replacing)

    def _parted(self, path: str) -> tuple[str, str]:
        return names.clean_path(path, [*self._holders])

    def _places(self, folder: str) -> Iterable[tuple[str, Holder]]:
        """Where to look, and whose it is: the folder, or all of them."""
        return [(folder, self._holders[folder])] if folder else self._holders.items()

    def _root_of_agent(self) -> Iterator[Entry]:
        """Unless it is empty."""
        if names.AGENT in self._holders:
            entry = root(self._holders[names.AGENT], names.AGENT)
            if entry.file_count:
                yield entry


def bytes_in(file: File, max_bytes: int) -> bytes:
    if file.size_bytes > max_bytes:
        raise FileTooLarge(f"{file.path} has {file.size_bytes} bytes, and at most {max_bytes} are read at once.")
    with closing(reader_of(file)) as reader:
        return b"".join(iter(lambda: reader.read(CHUNK_BYTES), b""))


@contextmanager
def copy_of(file: File) -> Iterator[Path]:
    """A private copy on this machine's disk, for the time of the block, for programs that want a path."""
    with tempfile.TemporaryDirectory(prefix="file-") as directory:
        place = Path(directory) / f"file{kinds.extension_of(file.content_type)}"
        with place.open("xb") as copy:
            for chunk in chunks_of(file):
                copy.write(chunk)
        yield place
