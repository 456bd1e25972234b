"""The way that comes to mind first: a handler of Starlette reads the conversation from PostgreSQL, runs the Agents SDK
with it, sends each delta to its one socket, and writes the answer when it is whole.

What is said is in no log: who loses the connection loses the answer, and nobody else sees it. The product is measured
beside it to show what its promises cost, or do not.

    python -m tests.benchmarks.first_design --port N --provider URL --database URL
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import jwt
import orjson
import uvicorn
from agents import Agent, RunConfig, Runner, set_tracing_disabled
from agents.memory import SessionABC
from agents.models.openai_responses import OpenAIResponsesModel
from openai import AsyncOpenAI
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

KEY = "only for measuring, where nothing is kept"
TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
  id text PRIMARY KEY, owner text NOT NULL, title text NOT NULL DEFAULT '', message_count int NOT NULL DEFAULT 0,
  total_tokens int NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX IF NOT EXISTS sessions_of_owner ON sessions (owner, last_used_at DESC);
CREATE TABLE IF NOT EXISTS messages (
  id uuid PRIMARY KEY, session_id text NOT NULL REFERENCES sessions, role text NOT NULL, content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX IF NOT EXISTS messages_of_session ON messages (session_id, created_at);
CREATE TABLE IF NOT EXISTS items (id bigserial PRIMARY KEY, session_id text NOT NULL, item jsonb NOT NULL);
CREATE INDEX IF NOT EXISTS items_of_session ON items (session_id, id);
"""
Pool = AsyncConnectionPool[Any]


class StoredSession(SessionABC):
    """What the SDK is given of a conversation, and adds to it."""

    def __init__(self, session_id: str, pool: Pool) -> None:
        self.session_id, self._pool = session_id, pool

    async def get_items(self, limit: int | None = None) -> list[Any]:
        async with self._pool.connection() as database:
            rows = await database.execute("SELECT item FROM items WHERE session_id = %s ORDER BY id", [self.session_id])
            return [row["item"] for row in await rows.fetchall()]

    async def add_items(self, items: list[Any]) -> None:
        async with self._pool.connection() as database, database.cursor() as cursor:
            rows = [(self.session_id, Jsonb(item)) for item in items]
            await cursor.executemany("INSERT INTO items (session_id, item) VALUES (%s, %s)", rows)

    async def pop_item(self) -> None:
        raise NotImplementedError("nothing is taken back")

    async def clear_session(self) -> None:
        raise NotImplementedError("nothing is taken back")


def owner_of(request: Request) -> str:
    token = request.headers["authorization"].removeprefix("Bearer ")
    return str(jwt.decode(token, KEY, algorithms=["HS256"])["sub"])


async def sign_in(request: Request) -> Response:
    owner = (await request.json())["email"]
    return JSONResponse({"access_token": jwt.encode({"sub": owner}, KEY, algorithm="HS256")})


async def create_session(request: Request) -> Response:
    pool: Pool = request.app.state.pool
    session_id = f"chat_{uuid4().hex}"
    async with pool.connection() as database:
        await database.execute("INSERT INTO sessions (id, owner) VALUES (%s, %s)", [session_id, owner_of(request)])
    return JSONResponse({"session_id": session_id}, 201)


async def list_sessions(request: Request) -> Response:
    pool: Pool = request.app.state.pool
    limit, offset = (int(request.query_params.get(name, default)) for name, default in (("limit", 50), ("offset", 0)))
    async with pool.connection() as database:
        owner = owner_of(request)
        counted = await database.execute("SELECT count(*) AS total FROM sessions WHERE owner = %s", [owner])
        total = (await counted.fetchone() or {"total": 0})["total"]
        rows = await database.execute(
            "SELECT * FROM sessions WHERE owner = %s ORDER BY last_used_at DESC LIMIT %s OFFSET %s",
            [owner, limit, offset],
        )
        body = {"sessions": await rows.fetchall(), "total_count": total}
    return Response(orjson.dumps(body), media_type="application/json")


async def health(request: Request) -> Response:
    pool: Pool = request.app.state.pool
    async with pool.connection() as database:
        await database.execute("SELECT 1")
    return JSONResponse({"status": "healthy"})


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    session_id = socket.path_params["session_id"]
    try:
        while True:
            command = await socket.receive_json()
            await answer(socket, session_id, command["messages"][0]["content"])
    except WebSocketDisconnect:
        pass


async def answer(socket: WebSocket, session_id: str, text: str) -> None:
    pool: Pool = socket.app.state.pool
    await keep(pool, session_id, "user", text, 0)
    said: list[str] = []
    result = Runner.run_streamed(
        socket.app.state.agent, text, session=StoredSession(session_id, pool), run_config=RunConfig()
    )
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            said.append(event.data.delta)
            await socket.send_text(orjson.dumps({"type": "delta", "content": event.data.delta}).decode())
    await keep(pool, session_id, "assistant", "".join(said), result.context_wrapper.usage.total_tokens)
    await socket.send_text('{"type":"stream_end"}')


async def keep(pool: Pool, session_id: str, role: str, content: str, tokens: int) -> None:
    async with pool.connection() as database:
        await database.execute(
            "INSERT INTO messages (id, session_id, role, content) VALUES (%s, %s, %s, %s)",
            [uuid4(), session_id, role, content],
        )
        await database.execute(
            "UPDATE sessions SET message_count = message_count + 1, total_tokens = total_tokens + %s, "
            "last_used_at = now() WHERE id = %s",
            [tokens, session_id],
        )


def application(provider: str, database: str) -> Starlette:
    set_tracing_disabled(True)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        model = OpenAIResponsesModel("gpt-5.2", AsyncOpenAI(api_key="first-design", base_url=provider))
        app.state.agent = Agent(name="chat", instructions="You are a helpful assistant.", model=model)
        options = {"row_factory": dict_row, "autocommit": False}
        async with AsyncConnectionPool(database, min_size=4, max_size=20, kwargs=options, open=False) as app.state.pool:
            async with app.state.pool.connection() as connection:
                await connection.execute(TABLES)
            yield

    return Starlette(
        routes=[
            Route("/api/auth/login", sign_in, methods=["POST"]),
            Route("/api/sessions", create_session, methods=["POST"]),
            Route("/api/sessions", list_sessions),
            Route("/api/health", health),
            WebSocketRoute("/ws/chat/{session_id}", chat),
        ],
        lifespan=lifespan,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--provider", required=True)
    parser.add_argument("--database", required=True)
    options = parser.parse_args()
    uvicorn.run(
        application(options.provider, options.database),
        port=options.port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    main()
