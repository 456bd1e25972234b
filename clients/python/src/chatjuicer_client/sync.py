"""The same without `async`: the asynchronous client in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from chatjuicer_client.client import LOCAL, AsyncClient
from chatjuicer_client.events import Event
from chatjuicer_client.exchange import Answer, AsyncExchange
from chatjuicer_client.session import AsyncSession
from chatjuicer_client.shapes import SessionInfo

A = TypeVar("A")  # the asynchronous class
P = ParamSpec("P")
R = TypeVar("R")
_NO_MORE: Any = object()


class _Thread:
    """An event loop that others give work to and wait for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chatjuicer-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:  # Ctrl+C in the waiting thread, too
            future.cancel()
            raise

    def iterate(self, source: AsyncIterator[R]) -> Iterator[R]:
        async def step() -> R:
            return await anext(source, _NO_MORE)

        try:
            while (item := self.run(step())) is not _NO_MORE:
                yield item
        finally:
            if isinstance(source, AsyncGenerator) and not self._loop.is_closed():
                self.run(_close(source))

    def stop(self) -> None:
        """What is still at work there, such as a connection that nobody has closed, is cancelled."""
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _close(source: AsyncGenerator[Any, Any]) -> None:
    await source.aclose()


class _Blocking(Generic[A]):
    def __init__(self, wrapped: A, thread: _Thread) -> None:
        self._async, self._thread = wrapped, thread


def _blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_Blocking[A], P], R]:
    """The method that waits for what the asynchronous one gives."""

    def wait(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._thread.run(method(self._async, *args, **kwargs))

    wait.__name__, wait.__doc__ = method.__name__, method.__doc__
    return wait


def _iterating(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[_Blocking[A], P], Iterator[R]]:
    """The method that iterates over what the asynchronous one does."""

    def walk(self: _Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        return self._thread.iterate(method(self._async, *args, **kwargs))

    walk.__name__, walk.__doc__ = method.__name__, method.__doc__
    return walk


class Exchange(_Blocking[AsyncExchange]):
    """As AsyncExchange: `for event in exchange`. `stop` and the decisions may be asked for by any thread."""

    def __iter__(self) -> Iterator[Event]:
        return self._thread.iterate(self._async)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def text(self) -> str:
        return self._async.text

    @property
    def run_id(self) -> str | None:
        return self._async.run_id

    accepted = _blocking(AsyncExchange.accepted)
    answer = _blocking(AsyncExchange.answer)
    stop = _blocking(AsyncExchange.stop)
    approve = _blocking(AsyncExchange.approve)
    reject = _blocking(AsyncExchange.reject)
    close = _blocking(AsyncExchange.aclose)


class Session(_Blocking[AsyncSession]):
    """As AsyncSession."""

    @property
    def id(self) -> str:
        return self._async.id

    @property
    def info(self) -> SessionInfo | None:
        return self._async.info

    def chat(self, text: str, **options: Any) -> Exchange:
        """With the options of `AsyncSession.chat`."""
        return Exchange(self._async.chat(text, **options), self._thread)

    def ask(self, text: str, **options: Any) -> Answer:
        """The whole answer."""
        return self.chat(text, **options).answer()

    def regenerate(self, message_id: str, **options: Any) -> Exchange:
        """With the options of `AsyncSession.regenerate`."""
        return Exchange(self._async.regenerate(message_id, **options), self._thread)

    def edit(self, message_id: str, content: str, **options: Any) -> Exchange:
        """With the options of `AsyncSession.edit`."""
        return Exchange(self._async.edit(message_id, content, **options), self._thread)

    def go_on(self, **options: Any) -> Exchange:
        """With the options of `AsyncSession.go_on`."""
        return Exchange(self._async.go_on(**options), self._thread)

    stop = _blocking(AsyncSession.stop)
    decide = _blocking(AsyncSession.decide)
    follow = _iterating(AsyncSession.follow)
    detail = _blocking(AsyncSession.detail)
    messages = _iterating(AsyncSession.messages)
    last = _blocking(AsyncSession.last)
    pin_message = _blocking(AsyncSession.pin_message)
    keep_draft = _blocking(AsyncSession.keep_draft)
    mark_read = _blocking(AsyncSession.mark_read)
    configure = _blocking(AsyncSession.configure)
    rename = _blocking(AsyncSession.rename)
    pin = _blocking(AsyncSession.pin)
    delete = _blocking(AsyncSession.delete)
    restore = _blocking(AsyncSession.restore)
    export = _blocking(AsyncSession.export)
    files = _blocking(AsyncSession.files)
    upload = _blocking(AsyncSession.upload)
    download = _blocking(AsyncSession.download)
    delete_file = _blocking(AsyncSession.delete_file)


class Client(_Blocking[AsyncClient]):
    """As AsyncClient, with the same options: `with Client(url) as client`."""

    def __init__(self, url: str = LOCAL, **options: Any) -> None:
        super().__init__(AsyncClient(url, **options), _Thread())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        try:
            self._thread.run(self._async.aclose())
        finally:
            self._thread.stop()

    def session(self, session_id: str) -> Session:
        """The one of that name, without asking the server for it."""
        return Session(self._async.session(session_id), self._thread)

    def create_session(self, session_id: str | None = None, **fields: Any) -> Session:
        """As `AsyncClient.create_session`."""
        return Session(self._thread.run(self._async.create_session(session_id, **fields)), self._thread)

    def sessions(self, search: str | None = None, **narrower: Any) -> Iterator[Session]:
        """As `AsyncClient.sessions`."""
        for session in self._thread.iterate(self._async.sessions(search, **narrower)):
            yield Session(session, self._thread)

    sign_in = _blocking(AsyncClient.sign_in)
    sign_out = _blocking(AsyncClient.sign_out)
    me = _blocking(AsyncClient.me)
    config = _blocking(AsyncClient.config)
    search = _iterating(AsyncClient.search)
    approvals = _blocking(AsyncClient.approvals)
    watch = _iterating(AsyncClient.watch)
    export = _blocking(AsyncClient.export)
    import_ = _blocking(AsyncClient.import_)
