"""What a call can carry: texts, names that nobody declared, and numbers that are long or many."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from chat_app.agent.exfiltration import carries_out, texts_in
from chatjuicer.accounts.models import User
from sessions_app.models import ChatSession, MessageDraft


@pytest.mark.parametrize(
    ("arguments", "carried"),
    [
        ({"url": " https://evil.example "}, ["https://evil.example"]),
        ({"url": "u", "max_length": 20_000, "raw": True, "tail": None}, ["u"]),
        ({"url": "u", "start_index": 73_656_372_657_464}, ["u", "73656372657464"]),
        ({"url": "u", "start_index": 0.1234567}, ["u", "0.1234567"]),
        ({"url": "u", "secret": True}, ["u", "secret"]),
        ({"url": "u", "": "x"}, ["u", "", "x"]),
        ({"rows": [115, 101, 99]}, ["115", "101", "99"]),
        ({"rows": [{"secret": 1}, ["deep"]]}, ["secret", "1", "deep"]),
        ({"rows": {"a": {"b": [True, None]}}}, ["a", "b"]),
    ],
)
def test_what_a_call_can_carry(arguments: dict[str, Any], carried: list[str]) -> None:
    declared = {"url", "max_length", "raw", "tail", "start_index", "rows"}
    assert list(texts_in(arguments, declared)) == carried


ASKED = MessageDraft(role="user", content="what does https://example.org say?")
CALLED = MessageDraft(role="tool_call", content="read_file", status="completed")
CALLING = MessageDraft(role="tool_call", content="fetch", status="pending")
ATTACHED = MessageDraft(role="user", content="look", metadata={"attachments": [{"file_id": "x"}]})


@pytest.mark.django_db
@pytest.mark.parametrize("keys", [[], [Fernet.generate_key().decode()]], ids=["as it is", "encrypted"])
@pytest.mark.parametrize(
    ("said", "has_read", "origin", "asks"),
    [
        ([], False, "", False),
        ([ASKED, CALLING], False, "", False),
        ([ASKED], True, "", True),
        ([ASKED, CALLED], False, "", True),  # whatever is left of it in the context
        ([ATTACHED], False, "", True),
        ([ASKED], False, "copied:x", True),
    ],
)
def test_what_a_stranger_may_have_written_makes_it_ask(
    alice: User, said: list[MessageDraft], has_read: bool, origin: str, asks: bool, keys: list[str], settings: Any
) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = keys
    session, _ = ChatSession.objects.open(alice, origin=origin)
    session.add_messages(said)
    assert carries_out(session.pk, ["https://evil.example"], has_read) is asks
    told_by_the_person = carries_out(session.pk, ["https://example.org"], has_read)
    assert told_by_the_person is (asks and (ASKED not in said or bool(origin)))
