"""One conversation."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chatjuicer_client import transfer
from chatjuicer_client.errors import ChatJuicerError
from chatjuicer_client.events import Event, parse
from chatjuicer_client.exchange import Answer, AsyncExchange, AsyncRun, message_command
from chatjuicer_client.log import Log
from chatjuicer_client.shapes import JSON, FileEntry, Message, SessionInfo
from chatjuicer_client.transfer import Progress

if TYPE_CHECKING:
    from chatjuicer_client.client import AsyncClient

PAGE = 100


class AsyncSession:
    """A session of the signed-in user. That it exists shows when something is asked of it."""

    def __init__(self, client: AsyncClient, session_id: str, info: SessionInfo | None = None) -> None:
        self.client = client
        self.id = session_id
        self.info = info
        """As the server told it last; None where it was not asked."""
        self._cursor = info.last_seq if info else None
        self._path = f"/api/sessions/{quote(session_id, safe='')}"

    # -- talking

    def chat(
        self,
        text: str,
        *,
        attachments: list[str] | None = None,
        model: str | None = None,
        reasoning_effort: str | None = None,
        on_busy: str | None = None,
        client_id: str | None = None,
    ) -> AsyncExchange:
        """Says `text` and gives the answer's events as they come; nothing is sent before they are asked for.

        `attachments` are ids of files of the session. While the session is answering, `on_busy` says what to do:
        `queue` (the default), `reject` or `interrupt`. A `client_id` is to be given only to repeat what an earlier
        program has sent.
        """
        command = message_command(
            text,
            client_id=client_id or uuid.uuid4().hex,
            attachments=attachments,
            model=model,
            reasoning_effort=reasoning_effort,
            on_busy=on_busy,
        )
        return AsyncExchange(self, command, repeated=client_id is not None)

    def send_again(self, command: JSON) -> AsyncExchange:
        """A command that an earlier program has kept: see `Client.unsent`."""
        return AsyncExchange(self, command, repeated=True)

    async def ask(self, text: str, **options: Any) -> Answer:
        """The whole answer, with the options of `chat`."""
        return await self.chat(text, **options).answer()

    def regenerate(
        self, message_id: str, *, model: str | None = None, reasoning_effort: str | None = None
    ) -> AsyncExchange:
        """Another answer beside the ones that there are: to that answer's words, or to those of a person."""
        body = {"model": model, "reasoning_effort": reasoning_effort}
        return AsyncRun(self, f"{self._path}/messages/{message_id}/regenerate", _without_none(body))

    def edit(
        self,
        message_id: str,
        content: str,
        *,
        attachments: list[str] | None = None,
        model: str | None = None,
        reasoning_effort: str | None = None,
    ) -> AsyncExchange:
        """Other words in the place of a person's, and an answer to them. Both stay. Without `attachments`, which are
        ids of files, those that were there stay, too."""
        files = None if attachments is None else [{"file_id": file_id} for file_id in attachments]
        body = {"content": content, "attachments": files, "model": model, "reasoning_effort": reasoning_effort}
        return AsyncRun(self, f"{self._path}/messages/{message_id}/edit", _without_none(body))

    def go_on(self, *, model: str | None = None, reasoning_effort: str | None = None) -> AsyncExchange:
        """More of the last answer, which was cut short, in its own row; `text` is what comes now."""
        body = {"model": model, "reasoning_effort": reasoning_effort}
        return AsyncRun(self, f"{self._path}/continue", _without_none(body))

    async def stop(self, run_id: str | None = None) -> bool:
        """Whether there was anything to stop: the run, or the one that is active."""
        body = {"run_id": run_id} if run_id else {}
        answer = await self.client.rest.call("POST", f"{self._path}/interrupt", json=body)
        return bool(answer["stopped"])

    async def decide(self, approval_id: str, *, approve: bool, reason: str = "", always: bool = False) -> None:
        """A person's word on a tool call. The first one counts."""
        body: JSON = {"decision": "approve" if approve else "reject", "always": always}
        if reason:
            body["reason"] = reason
        await self.client.rest.call("POST", f"{self._path}/approvals/{approval_id}", json=body)

    async def follow(self, after: int | None = None) -> AsyncIterator[Event]:
        """Everything that happens in the session, without end: after the event of that number, or from now on."""
        log = self.log_after((await self.detail())["last_seq"] if after is None else after)
        try:
            while True:
                if (event := parse(await log.receive())) is not None:
                    yield event
        finally:
            await log.close()

    def log_after(self, after: int | None) -> Log:
        return self.client.log(f"/ws/chat/{quote(self.id, safe='')}", after)

    async def cursor(self) -> int:
        """A number of the log above which everything lies that is sent from now on."""
        if self._cursor is None:
            self._cursor = int((await self.detail())["last_seq"])
        return self._cursor

    def seen(self, seq: int | None) -> None:
        self._cursor = max(self._cursor or 0, seq or 0)

    # -- what it is

    async def detail(self) -> JSON:
        """The session with its newest messages, and the answer in progress, as one moment has them."""
        # A desktop client's sockets keep their words.
        detail: JSON = await self.client.rest.call("GET", self._path, params={"numbered": "true"})
        self.info = SessionInfo.of(detail["session"])
        return detail

    async def messages(self) -> AsyncIterator[Message]:
        """All finished messages of the visible path, the oldest first."""
        after = 0
        while True:
            page = await self.client.rest.call("GET", f"{self._path}/messages", params={"after": after, "limit": PAGE})
            for message in map(Message.of, page["messages"]):
                after = message.position
                yield message
            if not page["has_more"]:
                return

    async def pin_message(self, message_id: str, pinned: bool = True) -> Message:
        """Whether the model is always given all of the message, whatever is summarized."""
        route = f"{self._path}/messages/{message_id}/pin"
        return Message.of(await self.client.rest.call("POST", route, json={"pinned": pinned}))

    async def last(self, role: str) -> Message:
        """The last message of the visible path that is a `user`'s, `assistant`'s …, of its newest ones; raises
        `not_found`."""
        for raw in reversed((await self.detail())["messages"]):
            if raw["role"] == role:
                return Message.of(raw)
        raise ChatJuicerError("not_found", "There is no such message among the session's newest.", status=404)

    async def keep_draft(self, content: str) -> SessionInfo:
        """What was begun to be written, for the account's other devices; an empty one is forgotten."""
        self.info = SessionInfo.of(await self.client.rest.call("PUT", f"{self._path}/draft", json={"content": content}))
        return self.info

    async def mark_read(self, position: int | None = None) -> SessionInfo:
        """Up to that message, or all of it, for the account's other devices."""
        if position is None:
            position = max((message["position"] for message in (await self.detail())["messages"]), default=0)
        self.info = SessionInfo.of(
            await self.client.rest.call("PUT", f"{self._path}/read", json={"position": position})
        )
        return self.info

    async def configure(self, /, **changes: Any) -> SessionInfo:
        """`title`, `pinned`, `archived`, `model`, `reasoning_effort`, `mcp_config`, `disabled_tools`, `agent_name`,
        `metadata`."""
        self.info = SessionInfo.of(await self.client.rest.call("PATCH", self._path, json=changes))
        return self.info

    async def rename(self, title: str) -> SessionInfo:
        return await self.configure(title=title)

    async def pin(self, pinned: bool = True) -> SessionInfo:
        return await self.configure(pinned=pinned)

    async def delete(self, *, permanent: bool = False) -> None:
        """Into the trash, or for ever."""
        await self.client.rest.call("DELETE", self._path, params={"permanent": permanent or None})

    async def restore(self) -> SessionInfo:
        """Out of the trash. Its `session_id` is another one if the name was taken meanwhile."""
        self.info = SessionInfo.of(await self.client.rest.call("POST", f"{self._path}/restore"))
        return self.info

    async def export(self, target: Path, *, format: str = "json", progress: Progress | None = None) -> Path:
        """Writes the conversation as `json`, `markdown` or `html`."""
        return await transfer.save(self.client.rest, f"{self._path}/export", target, {"format": format}, progress)

    # -- files

    async def files(self, folder: str = "sources") -> Sequence[FileEntry]:
        answer = await self.client.rest.call("GET", f"{self._path}/files", params={"folder": folder})
        return [FileEntry.of(entry) for entry in answer["files"]]

    async def upload(
        self, source: Path, *, name: str | None = None, folder: str = "sources", progress: Progress | None = None
    ) -> FileEntry:
        """One of that name is replaced. The bytes go straight to the storage."""
        return await transfer.upload(
            self.client.rest, f"{self._path}/files", source, name or source.name, folder, progress
        )

    async def download(
        self, name: str, target: Path, *, folder: str = "sources", progress: Progress | None = None
    ) -> Path:
        """Whole and checked, or not at all; goes on where a lost connection left off."""
        path = f"{self._path}/files/{quote(name)}/download"
        return await transfer.download(self.client.rest, path, target, {"folder": folder}, progress)

    async def delete_file(self, name: str, *, folder: str = "sources") -> None:
        await self.client.rest.call("DELETE", f"{self._path}/files/{quote(name)}", params={"folder": folder})


def _without_none(body: JSON) -> JSON:
    return {name: value for name, value in body.items() if value is not None}
