import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from chat_app.agent.providers.failures import ProviderError
from chat_app.agent.providers.model_lists import ask_models
from chat_app.agent.providers.wire import DONE, Decoder, close_client, post
from chat_app.proxies import proxy_for
from sessions_app.providers.endpoint import Endpoint
from sessions_app.providers.provider import Provider


def read(pieces: list[bytes]) -> list[Any]:
    decoder = Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


EVENTS = st.lists(
    st.builds(lambda text, number: {"type": "delta", "delta": text, "n": number}, st.text(), st.integers(0, 9)),
    max_size=8,
)


@given(EVENTS, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_events_are_whole_however_the_network_cuts_them(
    events: list[dict[str, Any]], newline: str, sizes: list[int]
) -> None:
    wire = "".join(f"event: delta{newline}data: {json.dumps(event)}{newline}{newline}" for event in events)
    stream = wire.encode()
    pieces: list[bytes] = []
    while stream:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream[:size])
        stream = stream[size:]
    assert read(pieces) == [json.loads(json.dumps(event)) for event in events]


def test_comments_and_fields_that_we_do_not_use_are_passed_over() -> None:
    assert read([b': ping\n\nid: 7\nretry: 5\ndata:{"a":1}\n\ndata: [DONE]\n\n']) == [{"a": 1}, DONE]


def test_data_may_take_several_lines() -> None:
    assert read([b'data: {"a":\ndata: 1}\n\n']) == [{"a": 1}]


def test_half_a_character_is_left_for_its_other_half() -> None:
    assert read([b'data: {"a":"x\\ud83d"}\n\n']) == [{"a": "x\ud83d"}]


@pytest.mark.parametrize("data", [b"{", b"5", b"[1]", b'{"a":NaN_}', b"\xff"])
def test_a_malformed_event_is_told_after_those_before_it(data: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(b'data: {"a":1}\n\ndata: ' + data + b"\n\n") == [{"a": 1}]
    assert isinstance(decoder.broken, ProviderError)
    with pytest.raises(ProviderError):
        Decoder().feed(b"data: " + data + b"\n\n")


def test_the_environment_s_proxy_is_asked_where_it_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.org")
    proxy_for.cache_clear()
    try:
        assert proxy_for("http://api.example.org/v1/responses") == (URL("http://10.0.0.1:3128"), None)
        assert proxy_for("https://api.example.org/v1/responses") == (None, None)
        assert proxy_for("http://inside.example.org/v1/responses") == (None, None)
    finally:
        proxy_for.cache_clear()


async def test_a_request_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        said = b'{"data":[{"id":"llama"}]}' if asked[-1].startswith(b"GET") else b'data: {"a":1}\n\n'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + said)
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("http_proxy", f"http://{address}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    proxy_for.cache_clear()
    try:
        target = Endpoint(url="http://provider.invalid/v1/responses", headers={"Authorization": "Bearer x"}, query={})
        async with post(target, b"{}") as reply:
            assert await reply.events() == [{"a": 1}]
        listed = await ask_models(Provider("far", "compatible", "http://provider.invalid/v1"))
        assert [model.id for model in listed] == ["llama"]
    finally:
        proxy_for.cache_clear()
        await close_client()
        proxy.close()
    assert asked[0].startswith(b"POST http://provider.invalid/v1/responses HTTP/1.1\r\n")
    assert asked[1].startswith(b"GET http://provider.invalid/v1/models HTTP/1.1\r\n")


async def test_a_redirect_is_given_neither_the_key_nor_the_conversation() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            f"HTTP/1.1 307 Go on\r\nLocation: http://localhost:{port}/there\r\nContent-Length: 0\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        target = Endpoint(url=f"http://127.0.0.1:{port}/v1/responses", headers={"api-key": "sk-of-the-test"}, query={})
        with pytest.raises(ProviderError) as refused:
            async with post(target, b"{}"):
                pass
    finally:
        await close_client()
        server.close()
    assert refused.value.error.code == "provider_rejected"
    assert [head.split()[1] for head in asked] == [b"/v1/responses"]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://a..b/v1", "x"),
        ("http://a.b\\c/v1", "x"),
        ("http://127.0.0.1:{port}/v1", "sk-of\r\nthe-test"),
        ("http://127.0.0.1:{port}/v1", "sk-\ud800"),
    ],
)
async def test_what_no_request_can_be_made_of_is_a_failure_of_the_provider(url: str, key: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = url.format(port=server.sockets[0].getsockname()[1])
    try:
        with pytest.raises(ProviderError) as failed:
            async with post(Endpoint(url=url, headers={"Authorization": f"Bearer {key}"}, query={}), b"{}"):
                pass
    finally:
        await close_client()
        server.close()
    assert failed.value.error.code == "provider_unavailable"
    assert "the-test" not in str(failed.value)
