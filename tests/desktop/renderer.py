"""The renderer, which both clients share: what is shown, what streams, what waits, and when tokens are renewed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.desktop.adapters import Adapter, Refused
from tests.desktop.dialects import Frame
from tests.desktop.timers import Clock, Times
from tests.desktop.tokens import expiry_of
from tests.faults.figures import Figures

PAGE = 100
CROSSING_S = 0.5  # that an end without a number may be on its way while the history is loaded


@dataclass(slots=True, eq=False)
class Row:
    """One message on the screen. The fields from `stored` on are the judge's: the client knows nothing of them."""

    role: str
    text: str = ""
    call_id: str = ""
    stored: bool = False  # came with the history
    ended: str = ""  # the finish reason that its end told; empty while it is open
    cut: bool = False  # left behind by a stream that began again
    again: bool = False  # put together from the buffer
    own_fault: bool = False  # and wrongly so, by the client's own mistake: see `Renderer.reconstruct`


@dataclass(slots=True)
class Stream:
    """What the client keeps of a session's answer, be it shown or not."""

    streaming: bool = False
    buffer: str = ""
    tools: dict[str, int] = field(default_factory=dict)
    """Calls that were made while it was not shown, each with the number of its answer: the client never clears them."""
    begun: int = 0  # answers
    began_at: int = 0  # the judge's: the number of the start that was heard last; 0 where starts have none


class Renderer:
    def __init__(self, adapter: Adapter, times: Times, clock: Clock, figures: Figures) -> None:
        self.adapter, self.times, self.clock, self.figures = adapter, times, clock, figures
        adapter.on_frame = self.take
        self.current = ""
        self.rows: list[Row] = []
        self.answer: Row | None = None
        """The row that deltas go into."""
        self.said_live: list[Row] = []
        """Each answer that came while it was shown, for the judge."""
        self.double_cards: list[str] = []
        """Calls of which the screen shows a stored card and a live one, for the judge."""
        self.loaded_seq, self.loaded_at = 0, 0.0  # the judge's: how far the history went when it was loaded, and when
        self.streams: dict[str, Stream] = {}
        self.queue: list[tuple[str, str]] = []  # session, text
        self.errors: list[str] = []
        self.toasts: list[str] = []
        self.tokens_used: Frame = {}
        self.titles: dict[str, str] = {}
        self.settings: Frame = {}
        """The shown session as it was last loaded."""
        self.signed_in = False
        self.locked_out = ""
        """Why a renewal of tokens was refused; the client shows its sign-in then."""
        self._refresh_token = ""
        self._refresh_timer: Any = None

    def stream(self, session_id: str) -> Stream:
        return self.streams.setdefault(session_id, Stream())

    # -- signing in

    async def start(self) -> bool:
        """On launch, with the tokens that were stored. Whether they still let it in."""
        store = self.adapter.store
        if not store.access:
            return False
        if expiry_of(store.access) > time.time():
            self._signed_in(store.access, store.refresh)
        else:
            await self._refresh(store.refresh)
        return self.signed_in

    async def sign_in(self, email: str, password: str) -> None:
        """Raises Refused."""
        tokens = await self.adapter.request("POST", "/auth/login", {"email": email, "password": password})
        self.adapter.keep(tokens)
        self.figures.done["sign-ins"] += 1
        self._signed_in(tokens["access_token"], tokens["refresh_token"])

    def _signed_in(self, access: str, refresh: str) -> None:
        self.signed_in, self._refresh_token = True, refresh
        self.adapter.store.access, self.adapter.store.refresh = access, refresh
        if self._refresh_timer is not None:
            self._refresh_timer.cancel()
        left_s = expiry_of(access) - time.time()
        due_s = max(left_s - self.times.refresh_before_s, self.times.refresh_at_least_s)

        async def renew() -> None:
            self._refresh_timer = None
            await self._refresh(self._refresh_token)

        self._refresh_timer = self.clock.later(due_s, renew)

    async def _refresh(self, refresh_token: str) -> None:
        """With the copy of its own: another part of the client may have spent it meanwhile, and tells nobody."""
        try:
            tokens = await self.adapter.refresh(refresh_token)
        except Refused as refused:
            self.signed_in = False
            if refused.status == 401:
                self.locked_out = str(refused)
            return
        self._signed_in(tokens["access_token"], tokens["refresh_token"])

    # -- what people do

    async def create(self, text: str, **fields: Any) -> str:
        """From the welcome page: the session is named after the first 30 characters of what will be said."""
        title = text[:30] + "..." if len(text) > 30 else text
        chosen = {"title": title, "mcp_config": ["sequential", "fetch", "tavily"], **fields}
        made = await self.adapter.request("POST", "/sessions", chosen)
        session_id: str = made["session_id"]
        self._leave()
        self.current = self.adapter.active = session_id
        self.rows, self.answer, self.settings, self.loaded_seq = [], None, made, 0
        self.adapter.socket(session_id)
        return session_id

    async def switch(self, session_id: str) -> None:
        """Another session: its newest messages, its older ones, and then what streams there. Raises Refused, and the
        one that was shown stays."""
        if session_id == self.current:
            return
        self._leave()
        loaded = await self.adapter.request("GET", f"/sessions/{session_id}")
        self.current = self.adapter.active = session_id
        self.adapter.socket(session_id)
        self.settings = loaded["session"]
        self.figures.done["switches"] += 1
        history: list[Frame] = loaded.get("messages") or loaded.get("full_history") or []
        self.answer = None
        self.rows = [row_of(message) for message in history]
        self._process_soon()  # the client takes itself for idle now
        if loaded["has_more"] and loaded["loaded_count"]:
            await self._load_older(session_id, loaded["message_count"] - loaded["loaded_count"])
        self.loaded_seq, self.loaded_at = loaded.get("last_seq", 0), time.monotonic()
        self.reconstruct(session_id, history)

    def _leave(self) -> None:
        if self.current and not self.stream(self.current).streaming:
            del self.streams[self.current]

    async def _load_older(self, session_id: str, missing: int) -> None:
        """By offset from the oldest on; it stops, and says nothing, where a page fails."""
        older: list[Row] = []
        while len(older) < missing:
            limit = min(PAGE, missing - len(older))
            try:
                page = await self.adapter.request(
                    "GET", f"/sessions/{session_id}/messages", offset=len(older), limit=limit
                )
            except Refused:
                break
            if not page["messages"]:
                break
            older += [row_of(message) for message in page["messages"]]
        if self.current == session_id:
            self.rows = older + self.rows

    def reconstruct(self, session_id: str, history: list[Frame]) -> None:
        """Puts the answer that streams back on the screen, from the buffer.

        No server can keep it from two mistakes. Where nothing streams, a history that does not end with an answer is
        taken for an old one, and the buffer for what is missing in it: wrong where somebody has spoken since. And an
        answer whose end the client has not heard, be it on its way or lost with a socket, may be in the history.
        """
        if self.current != session_id:
            return
        stream = self.stream(session_id)
        stale = bool(stream.buffer) and not (history and history[-1]["role"] == "assistant")
        if not (stream.streaming or stale):
            return
        if self.answer is not None:
            self.answer.cut = True
        for call_id, answer in stream.tools.items():
            current = stream.streaming and answer == stream.begun
            self.rows.append(Row("tool_call", call_id=call_id, own_fault=not current))
        row = Row("assistant", stream.buffer, again=True, own_fault=not stream.streaming)
        if not stream.streaming:
            row.ended = "stale"
        self._begin(row)
        if not stream.streaming:
            self.answer = None

    def _begin(self, row: Row) -> None:
        self.answer = row
        self.rows.append(row)
        self.said_live.append(row)

    async def say(self, text: str) -> None:
        """Into the queue while an answer streams here, else at once."""
        if self.stream(self.current).streaming:
            self.queue.append((self.current, text))
            self.figures.done["queued"] += 1
            await self._process()
        else:
            self.rows.append(Row("user", text))
            await self.adapter.send(self.current, [text])

    async def stop(self) -> None:
        """There is a button only while an answer streams."""
        if self.stream(self.current).streaming:
            await self.adapter.interrupt(self.current)
            self.figures.done["stops"] += 1

    def _process_soon(self) -> None:
        if self.queue:
            self.clock.later(self.times.process_queue_s, self._process)

    async def _process(self) -> None:
        """All that waits for sessions where nothing streams: one frame for each of them."""
        ready = [entry for entry in self.queue if not self.stream(entry[0]).streaming]
        self.queue = [entry for entry in self.queue if entry not in ready]
        for session_id in dict.fromkeys(session_id for session_id, _ in ready):
            texts = [text for there, text in ready if there == session_id]
            if session_id == self.current:
                self.rows += [Row("user", text) for text in texts]
            self.figures.done["batches"] += 1
            await self.adapter.send(session_id, texts)

    # -- what comes

    def take(self, frame: Frame) -> None:
        session_id: str = frame["session_id"]
        stream = self.stream(session_id)
        shown = session_id == self.current
        match frame["type"]:
            case "assistant_start":
                stream.streaming, stream.buffer = True, ""
                stream.begun += 1
                told_again = 0 < frame["_seq"] == stream.began_at
                stream.began_at = frame["_seq"]
                if shown:
                    if self.answer is not None:
                        self.answer.cut = True
                        self.figures.done["begun again"] += 1
                        if not told_again:
                            self._forgive_cards()
                    self._begin(Row("assistant"))
            case "assistant_delta":
                stream.buffer += frame["content"]
                if shown and self.answer is not None:
                    self.answer.text += frame["content"]
            case "assistant_end":
                stream.streaming = False
                self._ended(frame, shown)
            case "error":
                self.errors.append(frame["message"])
                self._process_soon()
            case "function_detected" if shown:
                self._show_call(frame["tool_call_id"])
            case "function_detected":
                stream.tools[frame["tool_call_id"]] = stream.begun
            case "function_completed":
                self._complete(frame)
            case "stream_interrupted":
                self.toasts.append("Response interrupted")
            case "token_usage" if shown:
                self.tokens_used = frame
            case "session_updated" if frame.get("title"):
                self.titles[session_id] = frame["title"]

    def _ended(self, frame: Frame, shown: bool) -> None:
        if not shown:
            return
        ended_before = self._ended_before_the_history(frame)
        if self.answer is not None:
            self.answer.ended = frame.get("finish_reason") or "stop"
            self.answer.cut = self.answer.cut or self.answer.ended == "idle"  # the rest may be told anew
            self.answer.own_fault = self.answer.own_fault or (self.answer.again and ended_before)
            self.answer = None
        if ended_before:
            self._forgive_cards()
        else:
            self._find_double_cards()
        self._process_soon()

    def _ended_before_the_history(self, frame: Frame) -> bool:
        """Whether the answer was whole when the history was asked for, as well as can be known of such an end."""
        if seq := frame["_seq"]:
            return bool(seq <= self.loaded_seq)
        return frame.get("finish_reason") == "idle" or time.monotonic() - self.loaded_at < CROSSING_S

    def _find_double_cards(self) -> None:
        """Of an answer that was unfinished when the history was loaded, no call may have been in that."""
        stored = {row.call_id for row in self.rows if row.stored and row.call_id}
        self.double_cards += [
            row.call_id for row in self.rows if row.call_id in stored and not (row.stored or row.own_fault)
        ]

    def _forgive_cards(self) -> None:
        """The answer had ended when the history was loaded, and its end is heard of only now, or never: that a stored
        card stands beside the live one is the client's own mistake, like the answer itself, see `reconstruct`."""
        for row in self.rows:
            row.own_fault = row.own_fault or bool(row.call_id and not row.stored)

    def _show_call(self, call_id: str) -> None:
        """A call that is told again has its card already."""
        for row in self.rows:
            if row.call_id == call_id and not row.stored:
                row.ended = row.text = ""
                return
        self.rows.append(Row("tool_call", call_id=call_id))

    def _complete(self, frame: Frame) -> None:
        for row in self.rows:
            if row.call_id == frame["tool_call_id"] and not row.stored:
                row.ended += "completed "
                row.text += frame.get("tool_result") or ""


def row_of(message: Frame) -> Row:
    return Row(
        message["role"],
        message["content"] or "",
        message.get("tool_call_id") or message.get("call_id") or "",
        stored=True,
        ended=message.get("status") or "completed",
    )
