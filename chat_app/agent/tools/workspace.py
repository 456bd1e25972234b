"""Access of the tools to the files of their run's session."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar
from uuid import UUID

from chat_app.agent.transcript import Transcript
from chat_app.database import with_fresh_connection
from files_app import extract
from files_app.extract import Text
from files_app.fair_pool import document_readers
from files_app.models import File
from files_app.opened import as_it_is_now
from files_app.workspace import Workspace, copy_of
from sessions_app.models import Agent, ChatSession

from .tool import ToolFailure

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

# Threads of their own: a slow storage must not hold up sign-ins or the opening of sessions.
_files = ThreadPoolExecutor(4, thread_name_prefix="workspace")


async def in_files(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_files, lambda: with_fresh_connection(call, *args, **kwargs))


async def in_workspace(transcript: Transcript, call: Callable[[Workspace], T]) -> T:
    """With the files of the agent that acts."""
    session_pk, acting = transcript.request.session_pk, transcript.acting.name

    def called() -> T:
        session = ChatSession.objects.get(pk=session_pk)
        return call(Workspace(session, Agent.objects.of_session(session.owner_id, acting)))

    return await in_files(called)


async def source_names(session_pk: UUID, limit: int) -> Sequence[str]:
    return await in_files(Workspace(ChatSession(pk=session_pk)).source_names, limit)  # by one query


async def text_of(file: File, asker: UUID) -> Text:
    """`asker` is the user for whom it is. Raises ToolFailure."""
    read = partial(as_it_is_now, file, _texts.of)
    try:
        if extract.takes_a_reader(file.content_type):
            return await document_readers.do(asker, read)
        return await in_files(read)
    except extract.NoText as error:
        raise ToolFailure(error.message) from None


class Texts:
    """The texts that were read last, so that a document is not converted again for each of its pages.

    Kept by the key of the stored bytes, which are never changed, and found through the session's own rows only. What
    could not be read is known by its content: it would hold a reader again each time that somebody asks.
    """

    KEPT, FAILURES_KEPT = 8, 1_000

    def __init__(self) -> None:
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._failures: OrderedDict[tuple[str, str], type[extract.NoText]] = OrderedDict()
        self._lock = Lock()

    def of(self, file: File) -> Text:
        """Raises NoText."""
        content = file.sha256, file.content_type
        with self._lock:
            if (known := self._texts.get(file.storage_key)) is not None:
                self._texts.move_to_end(file.storage_key)
                return known
            if (failure := self._failures.get(content)) is not None:
                raise failure
        try:
            with copy_of(file) as place:
                text = extract.text_of(place, file.content_type)
        except extract.NoText as error:
            if not isinstance(error, extract.Busy):
                self._keep(self._failures, content, type(error), self.FAILURES_KEPT)
            raise
        self._keep(self._texts, file.storage_key, text, self.KEPT)
        return text

    def _keep(self, kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
        with self._lock:
            kept[key] = value
            if len(kept) > most:
                kept.popitem(last=False)


_texts = Texts()
