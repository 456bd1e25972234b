"""A client of the contract: REST by httpx, sockets by websockets, and what must be true of their frames."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from tests.attack.marked import look_at_answer
from tests.harness.server import EMAIL, PASSWORD

Frame = dict[str, Any]
Found = TypeVar("Found")
TIMEOUT_S = 30
IDLE = "idle"  # the finish_reason to a plain socket that finds nothing going on
MERGED = {"delta", "reasoning_delta", "tool_call_arguments_delta"}


class Client:
    """One signed-in person at one server process."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token
        self.refresh_token = ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        hooks: dict[str, list[Any]] = {"response": [look_at_answer]}
        self.http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False, event_hooks=hooks
        )

    async def login(self, email: str = EMAIL, password: str = PASSWORD) -> "Client":
        answer = await self.http.post("/api/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        self._signed_in(answer.json())
        return self

    async def register(self, email: str, password: str = PASSWORD) -> "Client":
        answer = await self.http.post("/api/auth/register", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        self._signed_in(answer.json())
        return self

    def _signed_in(self, tokens: Frame) -> None:
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def at(self, url: str) -> "Client":
        """The same person at another process."""
        return Client(url, self.token)

    async def close(self) -> None:
        await self.http.aclose()

    async def get(self, path: str, **parameters: Any) -> Frame:
        answer = await self.http.get(path, params=parameters)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        body: Frame = answer.json()
        return body

    async def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Frame:
        answer = await self.http.post(path, json=body, headers=headers)
        assert answer.status_code == status, f"POST {path}: {answer.status_code} {answer.text}"
        result: Frame = answer.json()
        return result

    async def create_session(self, **fields: Any) -> str:
        return str((await self.post("/api/sessions", fields, status=201))["session_id"])

    async def detail(self, session_id: str) -> Frame:
        return await self.get(f"/api/sessions/{session_id}")

    async def events(self, session_id: str, after: int = 0) -> list[Frame]:
        events: list[Frame] = []
        while True:
            page = await self.get(f"/api/sessions/{session_id}/events", after=after, limit=1000)
            events += page["events"]
            if not page["has_more"]:
                return events
            after = events[-1]["seq"]

    @asynccontextmanager
    async def chat(self, session_id: str, after: int | None = None) -> AsyncIterator["Chat"]:
        query = "" if after is None else f"?after={after}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with socket(self.url, session_id, query, additional_headers=headers) as chat:
            await chat.expect("connected")
            yield chat

    @asynccontextmanager
    async def sse(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> AsyncIterator[AsyncIterator[Frame]]:
        """The frames of an event stream; each has the stream's `id:` as `_id`, where there is one."""
        headers = {"Accept": "text/event-stream"} | headers
        async with self.http.stream(method, path, json=body, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield _sse_frames(answer)


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[Client]:
    """The default user at one server process."""
    client = Client(url)
    try:
        yield await client.login()
    finally:
        await client.close()


async def _sse_frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    data, id_ = "", None
    async for line in answer.aiter_lines():
        if line.startswith("data:"):
            data += line[5:].removeprefix(" ")
        elif line.startswith("id:"):
            id_ = line[3:].strip()
        elif not line and data:
            if data != "[DONE]":
                yield json.loads(data) | ({"_id": id_} if id_ is not None else {})
            data, id_ = "", None


@asynccontextmanager
async def socket(url: str, session_id: str, query: str = "", **options: Any) -> AsyncIterator["Chat"]:
    """A session's socket with whatever credentials `options` hold."""
    async with socket_at(f"{url}/ws/chat/{session_id}{query}", **options) as chat:
        yield chat


@asynccontextmanager
async def socket_at(address: str, **options: Any) -> AsyncIterator["Chat"]:
    """`address` begins with http."""
    usual = {"max_size": None, "compression": None, "proxy": None, "ping_interval": None, "open_timeout": 30}
    options = usual | options
    async with connect(address.replace("http", "ws", 1), **options) as connection:
        chat = Chat(connection)
        try:
            yield chat
        finally:
            chat.reader.cancel()


class Chat:
    """A socket whose frames are read as they come."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Frame] = []
        self.close_code: int | None = None
        self._seen = 0
        self._arrived = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                self.frames.append(json.loads(text))
                self._arrived.set()
        except ConnectionClosedError:
            pass
        self.close_code = self.connection.close_code
        self._arrived.set()

    async def send(self, frame: Any) -> None:
        await self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame, ensure_ascii=False))

    async def say(self, *texts: str, **fields: Any) -> None:
        await self.send({"type": "message", "messages": [{"content": text} for text in texts], **fields})

    async def ask(self, *texts: str, **fields: Any) -> list[Frame]:
        """The frames of the whole answer, `stream_start` to `stream_end`."""
        await self.say(*texts, **fields)
        start = await self.expect("stream_start")
        end = await self.expect("stream_end", run_id=start["run_id"])
        return self.of_run(start["run_id"], up_to=end["seq"])

    def of_run(self, run_id: str, up_to: int | None = None) -> list[Frame]:
        return [
            frame
            for frame in self.frames
            if frame.get("run_id") == run_id and frame.get("seq") and (up_to is None or frame["seq"] <= up_to)
        ]

    @property
    def log(self) -> list[Frame]:
        """The numbered frames."""
        return [frame for frame in self.frames if "seq" in frame]

    async def expect(self, *types: str, timeout: float = TIMEOUT_S, **fields: Any) -> Frame:
        """The next frame of a type, with these fields; what stood before it is passed over.

        So is the end that says only that nothing runs, unless it is asked for by its `finish_reason`.
        """

        def next_one() -> Frame | None:
            for number in range(self._seen, len(self.frames)):
                frame = self.frames[number]
                if frame.get("finish_reason") == IDLE != fields.get("finish_reason"):
                    continue
                if frame["type"] in types and all(frame.get(k) == v for k, v in fields.items()):
                    self._seen = number + 1
                    return frame
            return None

        return await self._wait(next_one, f"{types} {fields}", timeout)

    async def wait_for(self, condition: Callable[[list[Frame]], Any], timeout: float = TIMEOUT_S) -> None:
        await self._wait(lambda: condition(self.frames) or None, "a condition on the frames", timeout)

    async def wait_text(self, text: str, timeout: float = TIMEOUT_S) -> None:
        await self.wait_for(lambda frames: text in text_of(frames), timeout)

    async def wait_seq(self, seq: int, timeout: float = TIMEOUT_S) -> None:
        await self.wait_for(lambda frames: any(frame.get("seq", 0) >= seq for frame in frames), timeout)

    async def wait_closed(self, timeout: float = TIMEOUT_S) -> int:
        return await self._wait(lambda: self.close_code, "the socket is closed", timeout, closing=True)

    async def _wait(
        self, look: Callable[[], Found | None], what: str, timeout: float, *, closing: bool = False
    ) -> Found:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    if (found := look()) is not None:
                        return found
                    if self.close_code is not None and not closing:
                        raise AssertionError(f"closed with {self.close_code} before {what}: {brief(self.frames)}")
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise AssertionError(f"no {what} within {timeout} s: {brief(self.frames)}") from None


def brief(frames: Iterable[Frame]) -> str:
    """Frames for a person who reads a failed test."""
    return " ".join(
        f"{frame.get('seq', '·')}:{frame['type']}" + (f"({frame['code']})" if frame.get("code") else "")
        for frame in itertools.islice(reversed(list(frames)), 40)
    )


def text_of(frames: Iterable[Frame], message_id: str | None = None) -> str:
    """The text the deltas add up to."""
    return "".join(
        frame["content"] for frame in frames if frame["type"] == "delta" and message_id in (None, frame["message_id"])
    )


def assert_gapless(frames: Iterable[Frame], after: int = 0) -> None:
    """Each number once, in order; only deltas may stand for several numbers."""
    for frame in frames:
        if "seq" not in frame:
            continue
        seq = frame["seq"]
        expected = after + 1
        assert seq == expected or (seq > expected and frame["type"] in MERGED), (
            f"seq {seq} ({frame['type']}) comes after {after}"
        )
        after = seq


def assert_whole_run(frames: list[Frame]) -> None:
    """One beginning, one end, usage before the end, and nothing after it."""
    types = [frame["type"] for frame in frames]
    assert types.count("stream_start") == types.count("stream_end") == 1, types
    assert types[-1] == "stream_end", types
    open_calls: set[str] = set()
    for frame in frames:
        if frame["type"] == "tool_call":
            (open_calls.discard if frame["status"] == "completed" else open_calls.add)(frame["id"])
    assert not open_calls, f"tool calls without their end: {open_calls}"
