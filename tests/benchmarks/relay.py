"""A bare relay: reads the provider's stream and writes each delta to a WebSocket. No storage, no agent, no accounts.

What it costs is what the way costs on this machine; the product is measured against it. A socket of `/fan` sees what
any other of them asks for, `/list?bytes=N` answers a body of that size.
"""

import argparse
from typing import Any

import aiohttp
import orjson
import uvicorn


class Relay:
    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.client: aiohttp.ClientSession | None = None
        self.fan: set[Any] = set()
        self.bodies: dict[int, bytes] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.http(scope, send)
        elif scope["type"] == "websocket":
            await self.websocket(scope, receive, send)

    async def http(self, scope: dict[str, Any], send: Any) -> None:
        size = int(scope["query_string"].rpartition(b"=")[2] or 2)
        body = self.bodies.setdefault(size, b'"' + b"x" * (size - 2) + b'"')
        headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def websocket(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/fan":
            self.fan.add(send)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                text = orjson.loads(message["text"])["messages"][0]["content"]
                await self.answer(text, list(self.fan) if scope["path"] == "/fan" else [send])
        finally:
            self.fan.discard(send)

    async def answer(self, text: str, viewers: list[Any]) -> None:
        if self.client is None:
            connector = aiohttp.TCPConnector(limit=0)
            self.client = aiohttp.ClientSession(connector=connector, headers={"Authorization": "Bearer relay"})
        body = {"model": "gpt-5.2", "stream": True, "input": [{"role": "user", "content": text}]}
        async with self.client.post(f"{self.provider}/responses", json=body) as response:
            buffer = b""
            async for chunk in response.content.iter_any():
                *events, buffer = (buffer + chunk).split(b"\n\n")
                for event in events:
                    head, _, data = event.partition(b"\ndata: ")
                    if head == b"event: response.output_text.delta":
                        frame = orjson.dumps({"type": "delta", "content": orjson.loads(data)["delta"]}).decode()
                        for send in viewers:
                            await send({"type": "websocket.send", "text": frame})
        for send in viewers:
            await send({"type": "websocket.send", "text": '{"type":"stream_end"}'})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--provider", required=True)
    options = parser.parse_args()
    uvicorn.run(
        Relay(options.provider),
        port=options.port,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="error",
        access_log=False,
    )


if __name__ == "__main__":
    main()
