"""Who does not read harms nobody, is told so, and can come back."""

import asyncio
import contextlib
import json
import socket as sockets

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.harness.client import Client, Frame, assert_gapless

pytestmark = pytest.mark.slow(reason="megabytes pile up for clients that do not read")

MESSAGE_BYTES = 400_000
MESSAGES = 30
"""Together more than the kernel's buffers and the server's bound can hold."""


async def test_a_client_that_does_not_read_is_closed_and_may_resume(alice: Client, session: str) -> None:
    text = "x" * MESSAGE_BYTES
    with sockets.socket() as narrow:
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", int(alice.url.rpartition(":")[2])))
        slow = await connect(
            f"{alice.url.replace('http', 'ws', 1)}/ws/chat/{session}",
            sock=narrow,
            additional_headers={"Authorization": f"Bearer {alice.token}"},
            max_queue=1,
            max_size=None,
            compression=None,
            ping_interval=None,
        )
        async with alice.chat(session) as fast:
            for number in range(MESSAGES):
                body = {"role": "user", "content": f"{number} {text}"}
                added = await alice.post(f"/api/sessions/{session}/messages", body, status=201)
                await fast.expect("message_created")
                assert fast.log[-1]["message"]["id"] == added["id"]
            assert_gapless(fast.log)
            last = fast.log[-1]["seq"]

        frames: list[Frame] = []
        async with asyncio.timeout(30):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    frames.append(json.loads(await slow.recv()))
        assert slow.close_code == 4408
    seen = [frame for frame in frames if "seq" in frame]
    assert len(seen) < MESSAGES
    assert_gapless(seen)
    after = seen[-1]["seq"] if seen else 0
    async with alice.chat(session, after=after) as again:
        await again.wait_seq(last)
        assert_gapless(again.log, after=after)


async def test_a_message_as_large_as_a_frame_may_be_closes_nobody(alice: Client, session: str) -> None:
    text = "say 3 words\n" + " " * 900_000
    async with alice.chat(session) as watching, alice.chat(session) as chat:
        await chat.say(text)
        await chat.expect("accepted")
        await chat.expect("stream_end", finish_reason="stop")
        created = await watching.expect("message_created")
        assert created["message"]["content"] == text
        await watching.expect("stream_end")
