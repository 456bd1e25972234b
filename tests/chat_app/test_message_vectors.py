"""What was said is found in other words, by the model that may search conversations; on both databases alike."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from chat_app.knowledge.conversations import by_vector, found
from chat_app.knowledge.embedding import embed
from chat_app.models import CallUsage, MessageVector, VectorMark, branches
from chatjuicer.accounts.models import User
from files_app.models import Vector
from sessions_app.models import ChatSession, Message, MessageDraft, PackedHistory, SearchEntry
from sessions_app.providers.served import embedder
from sessions_app.search.query import Query
from tests.chat_app.test_embeddings import ANSWER, MODEL, QUESTION
from tests.files_app.test_passages import housekeep
from tests.harness.provider import Provider

pytestmark = pytest.mark.django_db

TASK = "message-embeddings"


@pytest.fixture(autouse=True)
def searching(settings: Any, provider: Provider) -> None:
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk-tests", provider.url
    settings.EMBEDDINGS, settings.SEARCH_CONVERSATIONS = MODEL, True


def talk(owner: User, *texts: str, title: str = "Of the sea") -> ChatSession:
    """The person and the agent in turns."""
    session = ChatSession.objects.open(owner, public_id=f"s{uuid4().hex}", title=title)[0]
    session.add_messages(
        [MessageDraft(role=("user", "assistant")[n % 2], content=text) for n, text in enumerate(texts)]
    )
    return session


def near(owner: User, q: str) -> list[str]:
    """What stands at the found places, the nearest first."""
    at, query = embedder(), Query.parse(q)
    assert at is not None
    [vector] = asyncio.run(embed(at, MODEL, [query.text], 5)).vectors
    return [result["snippet"] for result in by_vector(owner.pk, query, vector)]


def test_what_was_said_is_found_by_what_it_means(alice: User, mallory: User, provider: Provider, settings: Any) -> None:
    talk(alice, "Tell me", ANSWER, "Thanks")
    talk(mallory, f"{ANSWER} are mine")
    gone = talk(alice, f"{ANSWER} in the trash")
    old = talk(alice, "A nocturnal railway")
    assert housekeep(TASK) == f"{TASK}: 6"
    assert housekeep(TASK) == f"{TASK}: 0" and len(provider.embedded) == 4
    rows = CallUsage.objects.filter(purpose="embedding", user=alice, model=MODEL)
    assert rows.filter(session_pk=old.pk).count() == 1 and rows.count() == 3
    gone.discard()
    assert near(alice, QUESTION)[0] == ANSWER and f"{ANSWER} in the trash" not in near(alice, QUESTION)
    assert not [text for text in near(alice, QUESTION) if "mine" in text]
    assert ANSWER not in near(alice, f"{QUESTION} -melodies") and ANSWER not in near(alice, f'{QUESTION} "thanks"')
    # An archived conversation keeps its vectors, and what is archived without gets them.
    assert PackedHistory.objects.pack(old, timezone.now())
    assert near(alice, "night trains")[0] == "A nocturnal railway"
    MessageVector.objects.all().delete()
    VectorMark.objects.all().delete()
    housekeep(TASK)
    assert near(alice, "night trains")[0] == "A nocturnal railway"
    settings.EMBEDDINGS_DAILY_TOKENS = 1
    talk(alice, "Buy a car")
    assert housekeep(TASK) == f"{TASK}: 0", "files and messages together have no more than that"


def test_words_and_vectors_are_joined(alice: User) -> None:
    talk(alice, ANSWER, "songs of whales which sing", title="Whales")
    talk(alice, "which whales sing songs, asked the train", title="Later")
    housekeep(TASK)
    query, at = Query.parse(QUESTION), embedder()
    assert at is not None
    [vector] = asyncio.run(embed(at, MODEL, [query.text], 5)).vectors
    both = found(alice.pk, query, 5, vector)
    assert {result["snippet"] for result in both[:2]} == {
        "songs of whales which sing",
        "which whales sing songs, asked the train",
    }
    assert (both[2]["snippet"], both[2]["session_title"], both[2]["position"]) == (ANSWER, "Whales", 1)
    assert len({result["message_id"] for result in both}) == len(both)
    assert [result["snippet"] for result in found(alice.pk, query, 5, None)] == [
        "which whales sing songs, asked the train",
        "songs of whales which sing",
    ]


def test_vectors_go_with_what_was_said_and_with_the_settings(alice: User, settings: Any, provider: Provider) -> None:
    session, cleared = talk(alice, ANSWER, "one", "two"), talk(alice, "three")
    housekeep(TASK)
    assert MessageVector.objects.count() == 4
    branches.delete(session.pk, session.messages.latest("position").pk)
    assert MessageVector.objects.count() == 3
    cleared.clear()
    assert MessageVector.objects.count() == 2
    # A vector that comes too late is of nothing.
    entry = SearchEntry.objects.get(position=1, session=session)
    kept = MessageVector.objects.get(entry=entry)
    SearchEntry.objects.forget(entry.ref)
    MessageVector.objects.keep(session.pk, {entry.pk: Vector(bytes(kept.signs), bytes(kept.numbers))}, MODEL)
    assert MessageVector.objects.count() == 1
    session.remove()
    assert not MessageVector.objects.exists()
    talk(alice, ANSWER)
    settings.EMBEDDINGS = "embed-2"
    housekeep(TASK)
    assert set(MessageVector.objects.values_list("model", flat=True)) == {"embed-2"}
    settings.SEARCH_CONVERSATIONS = False
    assert housekeep(TASK) == f"{TASK}: 1"
    assert not MessageVector.objects.exists() and not VectorMark.objects.exists()
    asked = len(provider.embedded)
    talk(alice, ANSWER)
    housekeep(TASK)
    assert len(provider.embedded) == asked, "nothing is sent where the model may not search"


def test_with_encryption_there_are_none_unless_that_is_said(alice: User, settings: Any, provider: Provider) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS, settings.SEARCH_ENCRYPTED = [Fernet.generate_key().decode()], "hashed"
    talk(alice, ANSWER)
    housekeep(TASK)
    assert not MessageVector.objects.exists() and provider.embedded == []
    settings.EMBEDDINGS_ENCRYPTED = "plain"
    housekeep(TASK)
    assert near(alice, QUESTION) == [ANSWER]
    settings.EMBEDDINGS_ENCRYPTED = "off"
    housekeep(TASK)
    assert not MessageVector.objects.exists()


def test_what_is_being_written_waits_and_a_provider_that_is_down_is_asked_again(
    alice: User, provider: Provider
) -> None:
    session = talk(alice, "one", "two")
    session.messages.filter(position=2).update(status=Message.Status.PENDING)
    provider.refuses_to_embed = lambda body: 503
    assert housekeep(TASK) == f"{TASK}: 0"
    provider.refuses_to_embed = lambda body: 0
    assert housekeep(TASK) == f"{TASK}: 1"
    session.messages.filter(position=2).update(status=Message.Status.COMPLETED)
    assert housekeep(TASK) == f"{TASK}: 1"
