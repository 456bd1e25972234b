"""What stands in files is found in other words than it stands there, where a provider makes vectors; on both databases
alike."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from rest_framework.test import APIClient

from chat_app.knowledge.embedding import NoVectors, embed, read
from chat_app.knowledge.embedding_batches import SURELY_TAKEN
from chat_app.knowledge.embedding_files import embed_files
from chat_app.knowledge.search import may_ask
from chat_app.model_calls import EMBEDDING, QUERY
from chat_app.models import CallUsage
from chat_app.models.budget import DailyLimit
from chatjuicer.accounts.models import User
from files_app.models import File, Passage, PassageVector, Vector
from files_app.models.vector import unpacked
from files_app.passages import similar
from files_app.passages.finder import fused, search
from files_app.passages.indexing import read_all
from files_app.passages.library import library_of
from sessions_app.models import Agent, ChatSession
from sessions_app.providers.provider import parsed_provider
from sessions_app.providers.served import embedder
from sessions_app.search.query import Query
from tests.files_app.conftest import form_of
from tests.files_app.test_passages import STORY, housekeep
from tests.harness.provider import Provider

pytestmark = pytest.mark.django_db

MODEL = "embed-1"
QUESTION = "Which whales sing songs?"
ANSWER = "Humpback cetaceans and their melodies"


@pytest.fixture(autouse=True)
def embedding(settings: Any, tmp_path: Path, provider: Provider) -> None:
    settings.DATA_DIR = tmp_path
    files = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path / "files"}}
    settings.STORAGES = settings.STORAGES | {"files": files}
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-tests", provider.url
    settings.EMBEDDINGS = MODEL


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="s")[0]


@pytest.fixture
def give(session: ChatSession, alice_client: APIClient) -> Callable[..., None]:
    def give(name: str, said: str) -> None:
        body = form_of(name, said.encode())
        path = "/api/sessions/s/files/upload"
        answer = alice_client.post(path, body, content_type="multipart/form-data; boundary=B")
        assert answer.status_code == 201, answer.content

    return give


def found(session: ChatSession, q: str, *, by_words: bool = False) -> list[str]:
    """Names of files."""
    library, query, near = library_of(session), Query.parse(q), []
    if not by_words:
        at = embedder()
        assert at is not None
        [vector] = asyncio.run(embed(at, MODEL, [query.text], 5)).vectors
        near = similar.nearest(library, MODEL, vector)
    return [one.passage.file.name for one in search(library, query, 5, near)]


def test_a_question_in_other_words_finds_the_passage_by_its_vector(
    give: Callable[..., None], session: ChatSession
) -> None:
    for name, said in {"whales.txt": ANSWER, "trains.txt": STORY, "cars.txt": "Buy a car in the night"}.items():
        give(name, said)
    assert housekeep("embeddings") == "embeddings: 3"
    assert found(session, QUESTION, by_words=True) == []
    assert found(session, QUESTION)[0] == "whales.txt"
    assert found(session, "nocturnal railways")[0] == "trains.txt"
    # Words count as before, and what must be there, or must not, is looked at in the text.
    assert found(session, "buy")[0] == "cars.txt"
    assert found(session, f"{QUESTION} -melodies")[:1] != ["whales.txt"]
    assert "whales.txt" not in found(session, f'{QUESTION} "night train"')


def test_a_vector_is_made_once_and_counted(
    give: Callable[..., None], session: ChatSession, alice: User, provider: Provider, settings: Any
) -> None:
    give("long.txt", "\n\n".join(f"{n} {STORY * 30}" for n in range(100)))
    assert housekeep("embeddings") == "embeddings: 100"
    assert [len(asked["input"]) for asked in provider.embedded] == [64, 36]
    rows = CallUsage.objects.filter(purpose="embedding", user=alice, session_pk=session.pk, model=MODEL)
    told = [sum(map(len, asked["input"])) // 4 for asked in provider.embedded]
    assert list(rows.order_by("pk").values_list("input_tokens", flat=True)) == told
    assert DailyLimit("server", 1, Decimal(0), {}).spent().tokens == 0  # a budget of words is not spent by it
    give("twin.txt", "\n\n".join(f"{n} {STORY * 30}" for n in range(100)))
    assert housekeep("embeddings") == "embeddings: 100" and len(provider.embedded) == 2
    assert housekeep("embeddings") == "embeddings: 0"
    settings.EMBEDDINGS_DAILY_TOKENS = 1
    give("late.txt", ANSWER)
    assert housekeep("embeddings") == "embeddings: 0" and len(provider.embedded) == 2
    settings.EMBEDDINGS_DAILY_TOKENS = 0
    assert housekeep("embeddings") == "embeddings: 1"


def test_files_of_agents_for_all_are_nobody_s_usage(session: ChatSession, client_of: Callable[..., APIClient]) -> None:
    root = client_of(User.objects.create_superuser("root@example.org", "correct horse battery staple"))
    agent = Agent.objects.keep_for_all(name="Whaler")
    body = form_of("whales.txt", ANSWER.encode())
    path = f"/api/agents/{agent.pk}/files/upload"
    assert root.post(path, body, content_type="multipart/form-data; boundary=B").status_code == 201
    housekeep()
    session.configure(agent_name="Whaler")
    assert found(session, QUESTION) == ["whales.txt"]
    [row] = CallUsage.objects.filter(purpose="embedding")
    assert row.user is None
    assert [line["key"] for line in CallUsage.objects.report(CallUsage.objects.all(), "user")] == [None]


def test_a_crash_or_a_provider_that_is_down_leaves_the_rest_to_the_next_round(
    give: Callable[..., None], session: ChatSession, provider: Provider
) -> None:
    give("long.txt", "\n\n".join(f"{n} {STORY * 30}" for n in range(100)))
    provider.refuses_to_embed = lambda body: 503 if len(provider.embedded) > 1 else 0
    assert housekeep("embeddings") == "embeddings: 64"
    assert File.objects.get().embedded_as == ""
    assert found(session, "lisbon", by_words=True)
    provider.refuses_to_embed = lambda body: 0
    before = len(provider.embedded)
    assert housekeep("embeddings") == "embeddings: 36"
    assert [len(asked["input"]) for asked in provider.embedded[before:]] == [36]
    assert PassageVector.objects.count() == 100 and File.objects.get().embedded_as == MODEL


@pytest.mark.slow(reason="a hundred passages, in ever smaller requests")
def test_what_a_model_does_not_take_costs_nothing_else(
    give: Callable[..., None], session: ChatSession, provider: Provider
) -> None:
    def refuses(body: dict[str, Any]) -> int:
        return 400 if any("poison" in text or len(text) > 1000 for text in body["input"]) else 0

    provider.refuses_to_embed = refuses
    give("long.txt", f"{ANSWER}. " * 40)  # is cut until it fits
    give("mixed.txt", "\n\n".join([STORY * 30, "poison " * 150, STORY * 30]))
    assert housekeep("embeddings") == "embeddings: 4"
    assert PassageVector.objects.exclude(numbers=b"").count() == 3 and Passage.objects.count() == 4
    assert found(session, QUESTION)[0] == "long.txt"
    assert set(File.objects.values_list("embedded_as", flat=True)) == {MODEL}
    # Files of which it takes nothing are done with, and stop no others.
    for n in range(5):
        give(f"bad{n}.txt", f"poison {n}")
    give("good.txt", "Buy a car")
    assert sum(read_all()) == 6
    before = len(provider.embedded)
    for _ in embed_files():
        assert len(provider.embedded) - before <= 2, "a round ends between any two requests"
        before = len(provider.embedded)
    assert set(File.objects.values_list("embedded_as", flat=True)) == {MODEL}
    assert found(session, "purchase automobiles")[0] == "good.txt"
    # Where all is refused it is the model: nothing is taken for done, and no other text is tried but one for any model.
    provider.refuses_to_embed = lambda body: 400
    give("whole.txt", "\n\n".join(f"{n} {STORY * 30}" for n in range(100)))
    give("more.txt", STORY)
    before = len(provider.embedded)
    assert housekeep("embeddings") == "embeddings: 0"
    assert [asked["input"] for asked in provider.embedded[before + 1 :]] == [[SURELY_TAKEN]]
    provider.refuses_to_embed = lambda body: 0
    assert housekeep("embeddings") == "embeddings: 101"


def test_searches_have_tokens_of_their_own(
    give: Callable[..., None], session: ChatSession, alice: User, settings: Any
) -> None:
    give("a.txt", ANSWER)
    housekeep()
    has_others, at = partial(similar.has_vectors, library_of(session)), embedder()
    assert at is not None
    call = asyncio.run(embed(at, MODEL, [QUESTION], 5, QUERY)).call
    settings.EMBEDDINGS_DAILY_TOKENS = call.input_tokens
    assert may_ask(has_others, MODEL, alice.pk), "the files have taken more"
    CallUsage.objects.note(alice.pk, None, None, [call])
    assert not may_ask(has_others, MODEL, alice.pk)
    assert CallUsage.objects.embedded_today(EMBEDDING) == len(ANSWER) // 4
    settings.EMBEDDINGS_DAILY_TOKENS = 0
    assert may_ask(has_others, MODEL, alice.pk)
    settings.BUDGET_USER_DAILY_TOKENS = call.input_tokens
    assert not may_ask(has_others, MODEL, alice.pk), "they count in what a person may use"


def test_vectors_go_with_their_passages_and_with_the_setting(
    give: Callable[..., None], session: ChatSession, alice_client: APIClient, settings: Any
) -> None:
    give("a.txt", ANSWER)
    give("b.txt", STORY)
    housekeep()
    give("a.txt", "something else")
    assert PassageVector.objects.count() == 1 and "a.txt" not in found(session, QUESTION)
    housekeep()
    alice_client.delete("/api/sessions/s/files/b.txt")
    assert PassageVector.objects.count() == 1
    # Another model makes them anew, and none compares the two.
    settings.EMBEDDINGS = "embed-2"
    assert similar.nearest(library_of(session), "embed-2", Vector.of([1.0] * 256)) == []
    assert housekeep("embeddings") == "embeddings: 1"
    assert set(PassageVector.objects.values_list("model", flat=True)) == {"embed-2"}
    Passage.objects.all()._raw_delete("default")  # by a version that knows no vectors
    assert housekeep("passages") == "passages: 1" and not PassageVector.objects.exists()
    File.objects.all().update(indexed_as="")
    assert housekeep("embeddings") == "embeddings: 1"
    settings.EMBEDDINGS = ""
    assert housekeep("embeddings") == "embeddings: 1"
    assert not PassageVector.objects.exists() and File.objects.get().embedded_as == ""
    settings.EMBEDDINGS = MODEL
    housekeep()
    alice_client.delete("/api/sessions/s?permanent=true")
    assert not PassageVector.objects.exists()


def test_with_encryption_there_are_none_unless_that_is_said(
    give: Callable[..., None], session: ChatSession, settings: Any, provider: Provider
) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS, settings.SEARCH_ENCRYPTED = [Fernet.generate_key().decode()], "hashed"
    give("a.txt", ANSWER)
    assert housekeep("embeddings") == "embeddings: 0" and embedder() is None and provider.embedded == []
    settings.EMBEDDINGS_ENCRYPTED = "plain"
    assert housekeep("embeddings") == "embeddings: 1"
    assert found(session, QUESTION) == ["a.txt"]
    settings.EMBEDDINGS_ENCRYPTED = "off"
    housekeep()
    assert not PassageVector.objects.exists()


def test_a_provider_is_chosen_by_its_name(settings: Any, provider: Provider) -> None:
    settings.PROVIDERS = (parsed_provider({"name": "home", "url": f"{provider.url}"}, lambda name: ""),)
    settings.EMBEDDINGS = "home/bge-m3"
    at = embedder()
    assert at is not None and (at.provider.name, at.model) == ("home", "bge-m3")
    assert len(asyncio.run(embed(at, settings.EMBEDDINGS, ["one", "two"], 5)).vectors) == 2
    assert (provider.embedded[-1]["model"], provider.keys[-1]) == ("bge-m3", "")
    settings.EMBEDDINGS = "BAAI/bge-m3"  # no provider is called so
    at = embedder()
    assert at is not None and (at.provider.name, at.model) == ("", "BAAI/bge-m3")
    settings.OPENAI_API_KEY = ""
    assert embedder() is None


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON", b"[]", b'{"data": 5}', b'{"data": [{"index": 0, "embedding": "x"}]}',
        b'{"data": [{"index": 0, "embedding": [0, 0]}]}', b'{"data": [{"index": 1, "embedding": [1, 0]}]}',
        b'{"data": []}', b'{"data": [{"index": 0, "embedding": [1, true]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}',
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_none(answer: bytes) -> None:
    with pytest.raises(NoVectors):
        read(answer, 1)


def test_the_nearest_are_those_with_the_least_angle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unpacked(Vector.of([3.0, 0.0, -4.0]).numbers) == pytest.approx((0.6, 0.0, -0.8))
    assert Vector.of([3.0, 0.0, -4.0]).signs == bytes([0b100])
    assert Vector.of([1.0] * 9).signs == bytes([1, 255])
    monkeypatch.setattr(similar, "BY_NUMBERS", 2)
    signs = [(1, b"\xff"), (2, b"\x0f"), (3, b"\x00"), (4, b"\x0f\x0f")]
    assert similar.by_signs(signs, b"\x0f") == [2, 3]
    assert fused([1, 2, 3], [3, 4]) == [3, 1, 2, 4] and fused([5, 1], []) == [5, 1]
