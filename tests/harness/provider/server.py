import asyncio
import json
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.harness.provider import embeddings
from tests.harness.provider.kinds import KINDS, unknown_parameter
from tests.harness.provider.rules import (
    REFUSALS,
    chat_fault,
    has_lone_surrogate,
    responses_fault,
    too_long,
    unsupported_effort,
)
from tests.harness.provider.script import Fault, Script, parse
from tests.harness.provider.wire import ChatWire, ResponsesWire, Wire

JSON = dict[str, Any]
BURST_BYTES = 64 * 1024
PING_S = 0.05
FAILURES = {
    400: ("invalid_request_error", "bad_request", "Invalid request."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country", "Country not supported."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


@dataclass(slots=True)
class RecordedRequest:
    api: str
    body: JSON
    at: float = field(default_factory=time.monotonic)
    ended: str = ""
    """completed, cut (the client went away), or the fault that ended it; empty while it runs."""
    written: int = 0
    """Words of text written so far."""
    input_tokens: int = 0
    """As it is told to have."""

    @property
    def items(self) -> list[JSON]:
        """What the model was given: input items or chat messages."""
        given = self.body["input" if self.api == "responses" else "messages"]
        return [{"role": "user", "content": given}] if isinstance(given, str) else given

    @property
    def texts(self) -> list[tuple[str, str]]:
        """(role, text) of each message the model was given."""
        return [(item["role"], text_of(item)) for item in self.items if item.get("role") and item.get("content")]


class Provider:
    """The server in a thread of its own. Use as a context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, remembers: int = 100_000) -> None:
        self.host, self.port = host, port
        self.requests: list[RecordedRequest] = []
        """The last ones; each holds a whole conversation."""
        self._remembers = remembers
        self.violations: list[str] = []
        self.scripts: deque[Script] = deque()
        """Scripts for the next requests, ahead of what their messages say."""
        self.window = 0
        """Tokens of a request (a fourth of its bytes) past which it is refused; 0: none is."""
        self.answers: Callable[[RecordedRequest], Script | None] = lambda request: None
        """What a request is answered, ahead of what its messages say."""
        self.kind = ""
        """Of kinds.KINDS, whose rules and shapes are kept; empty: OpenAI's, and of others what a model's name tells."""
        self.models: JSON | None = None
        """What /models answers; None: what that kind does."""
        self.lists_asked = 0
        self.embedded: list[JSON] = []
        """What /embeddings was asked, those too that it refused."""
        self.refuses_to_embed: Callable[[JSON], int] = lambda body: 0
        """With which status; 0: it does not."""
        self.keys: list[str] = []
        """Of the requests, as they were given."""
        self._issued: dict[str, str] = {}
        """What was given out and must come back: ids of items, and what other vendors bind to a call's id."""
        self._failed: Counter[str] = Counter()
        self._gates: dict[str, asyncio.Event] = {}
        self._loop = asyncio.new_event_loop()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/v1"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="provider", daemon=True)
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the provider did not start")

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._thread = None

    def reset(self) -> None:
        """Forget requests, violations, queued scripts and gates; let go on who waits at one."""
        self._loop.call_soon_threadsafe(self._forget_gates)
        self.requests, self.violations = [], []
        self.scripts.clear()
        self.window, self.answers = 0, lambda request: None
        self.kind, self.models, self.lists_asked, self.keys = "", None, 0, []
        self.embedded, self.refuses_to_embed = [], lambda body: 0
        self._failed.clear()

    def open_gate(self, name: str) -> None:
        self._loop.call_soon_threadsafe(lambda: self._gate(name).set())

    def _forget_gates(self) -> None:
        gates, self._gates = self._gates, {}
        for gate in gates.values():
            gate.set()

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.serve(ready.set))
        self._loop.close()

    async def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        self._stop = asyncio.Event()
        runner = web.AppRunner(self.application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        ready()
        await self._stop.wait()
        await runner.cleanup()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/control/state", self._state)
        for path in ("/v1/embeddings", "/openai/v1/embeddings", "/openai/deployments/{model}/embeddings"):
            app.router.add_post(path, self._embeddings)
        for path in ("/v1/responses", "/openai/responses", "/openai/v1/responses"):
            app.router.add_post(path, self._responses)
        for path in ("/v1/chat/completions", "/openai/deployments/{model}/chat/completions"):
            app.router.add_post(path, self._completions)
        app.router.add_route("*", "/{other:.*}", self._unknown)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        self.lists_asked += 1
        if self.models is not None:
            return web.json_response(self.models)
        if self.kind:
            return web.json_response(KINDS[self.kind].models)
        names = ("gpt-5.2", "gpt-4.1", "gpt-4o-mini")
        models = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in names]
        return web.json_response({"object": "list", "data": models})

    async def _embeddings(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.embedded.append(body)
        self.keys.append(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
        if status := self.refuses_to_embed(body):
            return _error(status, FAILURES.get(status, FAILURES[500])[2], None)
        if (found := embeddings.fault(body)) is not None:
            self.violations.append(found)
            return _error(400, found, None)
        return web.json_response(embeddings.answer(body))

    async def _state(self, request: web.Request) -> web.Response:
        ended = Counter(recorded.ended or "running" for recorded in self.requests)
        return web.json_response({"requests": len(self.requests), "violations": self.violations, "ended": ended})

    async def _unknown(self, request: web.Request) -> web.Response:
        self.violations.append(f"{request.method} {request.path}: no such route")
        return _error(404, f"Unknown request URL: {request.method} {request.path}.", "unknown_url")

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "responses")

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, "chat_completions")

    async def _answer(self, request: web.Request, api: str) -> web.StreamResponse:
        raw = await request.read()
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        keyless = self.kind in KINDS and KINDS[self.kind].keyless
        self.keys.append(bearer)
        if not (bearer or request.headers.get("api-key") or keyless):
            self.violations.append("no API key")
            return _error(401, "You didn't provide an API key.", None)
        if isinstance(body, dict) and "model" in request.match_info:
            body.setdefault("model", request.match_info["model"])
        if self.kind and (refused_parameter := unknown_parameter(self.kind, body)):
            self.violations.append(f"a parameter that {self.kind} does not know")
            return web.json_response(refused_parameter[1], status=refused_parameter[0])
        chat = api == "chat_completions"
        fault = chat_fault(body, self._issued, self.kind) if chat else responses_fault(body, self._issued)
        if fault is None and b"\\ud" in raw and has_lone_surrogate(body):
            fault = "We could not parse the JSON body of your request: lone surrogate."
        if fault is not None:
            self.violations.append(fault)
            return _error(400, fault, None)
        recorded = RecordedRequest(api, body, input_tokens=len(raw) // 4)
        self.requests.append(recorded)
        del self.requests[: -self._remembers]
        if refused := unsupported_effort(api, body):
            recorded.ended = "400"
            return web.json_response({"error": refused}, status=400)
        if self.window and recorded.input_tokens > self.window:
            recorded.ended = "too long"
            return web.json_response(too_long(recorded.input_tokens, self.window), status=400)
        script, turn = self._script(recorded)
        try:
            return await self._play(request, recorded, script, turn)
        except (asyncio.CancelledError, ConnectionError):
            recorded.ended = recorded.ended or "cut"
            raise
        finally:
            recorded.ended = recorded.ended or "completed"

    def _script(self, recorded: RecordedRequest) -> tuple[Script, int]:
        if answer := self.answers(recorded):
            return answer, 0
        if self.scripts:
            return self.scripts.popleft(), 0
        items = recorded.items
        last = max((number for number, item in enumerate(items) if item.get("role") == "user"), default=-1)
        calls = sum(
            item.get("type") == "function_call" or len(item.get("tool_calls") or []) for item in items[last + 1 :]
        )
        return parse(text_of(items[last]) if last >= 0 else ""), calls

    async def _play(
        self, request: web.Request, recorded: RecordedRequest, script: Script, turn: int
    ) -> web.StreamResponse:
        if script.silent:
            recorded.ended = "hang"
            await asyncio.Event().wait()
        if script.status:
            key = json.dumps(recorded.items)
            self._failed[key] += 1
            if not script.status_times or self._failed[key] <= script.status_times:
                recorded.ended = str(script.status)
                kind, code, message = FAILURES.get(script.status, FAILURES[500])
                return _error(script.status, message, code, kind, script.retry_after_s)
        if script.refusal:
            status, answer = (KINDS[self.kind].errors if self.kind else REFUSALS)[script.refusal]
            recorded.ended = str(status)
            return web.json_response(answer, status=status)
        if recorded.body["model"].startswith("missing"):
            recorded.ended = "404"
            return _error(404, FAILURES[404][2], "model_not_found")
        wire: Wire
        if recorded.api == "responses":
            wire = ResponsesWire(recorded.body, recorded.input_tokens, self._issued)
        else:
            wire = ChatWire(recorded.body, recorded.input_tokens, self._issued, self.kind)
        steps = _steps(wire, script, turn, recorded)
        if not recorded.body.get("stream"):
            async for _step in steps:
                pass
            return web.json_response(wire.whole())
        headers = {
            "Content-Type": "text/event-stream; charset=utf-8",
            "x-request-id": f"req_{time.monotonic_ns()}",
        }
        response = web.StreamResponse(headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        return await self._write(request, response, recorded, steps)

    async def _write(
        self,
        request: web.Request,
        response: web.StreamResponse,
        recorded: RecordedRequest,
        steps: AsyncIterator[bytes | Fault],
    ) -> web.StreamResponse:
        pending: list[bytes] = []
        size = 0
        async for step in steps:
            if isinstance(step, bytes):
                pending.append(step)
                size += len(step)
                if size < BURST_BYTES:
                    continue
            if size:
                await response.write(b"".join(pending))
                pending, size = [], 0
            if isinstance(step, bytes) or step is FLUSH:
                continue
            if step.kind == "gate":
                await self._gate(step.gate).wait()
                continue
            recorded.ended = step.kind
            await _break(request, response, step)
            return response
        if size:
            await response.write(b"".join(pending))
        await response.write_eof()
        return response


FLUSH = Fault("flush")
"""A step that says: what is pending must leave now."""


async def _steps(wire: Wire, script: Script, turn: int, recorded: RecordedRequest) -> AsyncIterator[bytes | Fault]:
    yield wire.begin()
    if script.wait_s:
        yield FLUSH
        await asyncio.sleep(script.wait_s)
    if script.reasoning:
        yield wire.reasoning([f"thought{number} " for number in range(1, script.reasoning + 1)])
    if calls := script.calls_of_turn(turn):
        in_call = [fault for fault in script.faults if fault.in_call]
        for call in calls:
            yield wire.call_begin(call.name)
            for start in range(0, len(call.arguments), 8):
                yield wire.call_arguments(call.arguments[start : start + 8])
                yield FLUSH
                if start == 0:
                    for fault in in_call:
                        yield fault
            yield wire.call_end()
        yield wire.end(truncated=False)
        return
    truncated = False
    if not script.empty:
        yield wire.text_begin()
        async for step in _text(wire, script, recorded):
            if isinstance(step, Fault) and step.kind == "length":
                truncated = True
                break
            if isinstance(step, Fault) and step.kind == "error":
                yield wire.error()
                recorded.ended = "error"
                return
            yield step
        yield wire.text_end()
    yield wire.end(truncated=truncated)


async def _text(wire: Wire, script: Script, recorded: RecordedRequest) -> AsyncIterator[bytes | Fault]:
    faults = {fault.after: fault for fault in script.faults if not fault.in_call}
    loop = asyncio.get_running_loop()
    due = loop.time()
    if 0 in faults:
        yield faults[0]
    for token in script.tokens():
        yield wire.delta(token)
        recorded.written += 1
        if script.pace:
            yield FLUSH
            due += 1 / script.pace
            await asyncio.sleep(due - loop.time())
        if recorded.written in faults:
            yield faults[recorded.written]


async def _break(request: web.Request, response: web.StreamResponse, fault: Fault) -> None:
    transport = request.transport
    match fault.kind:
        case "hang":
            await asyncio.Event().wait()
        case "pings":
            while True:
                await response.write(b": ping\n\n")
                await asyncio.sleep(PING_S)
        case "reset" if transport is not None:
            # Linger 0 makes the close an RST; without the pause it would also discard what was just written.
            await asyncio.sleep(0.02)
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        case "malformed":
            await response.write(b'data: {"type":"response.output_te\n\n')
            await response.write_eof()
        case "close":
            await response.write_eof()


def text_of(item: JSON) -> str:
    content = item.get("content")
    if isinstance(content, list):
        return "".join(part.get("text") or part.get("refusal") or "" for part in content)
    return content or ""


def _error(
    status: int,
    message: str,
    code: str | None,
    kind: str = "invalid_request_error",
    retry_after_s: float | None = None,
) -> web.Response:
    headers = {"retry-after": "0"} if status == 429 else {}
    if retry_after_s is not None:
        headers = {"retry-after": f"{retry_after_s:g}"}
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)
