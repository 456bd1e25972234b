"""What a socket finds when it is opened."""

import threading
from json import loads
from typing import Any

import pytest
from django.db import connections

from chat_app.delivery.consumer import ChatConsumer
from chat_app.models import Run
from chat_app.protocol import UserInput
from chatjuicer.accounts.authentication import Credentials
from chatjuicer.accounts.models import User
from chatjuicer.frontends.plain import PlainDialect
from sessions_app.models import ChatSession


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_ends_meanwhile_is_seen_running_with_its_end_to_come(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = ChatSession.objects.open(alice)
    run = Run.objects.start(session.pk, [UserInput("hello")], owner="somebody").run
    look_up = type(alice.chat_sessions).named

    def end() -> None:
        Run.objects.interrupt(session.pk)
        connections.close_all()

    def look_up_and_end(*arguments: Any) -> ChatSession:
        found: ChatSession = look_up(*arguments)
        ending = threading.Thread(target=end)
        ending.start()
        ending.join()
        return found

    monkeypatch.setattr("sessions_app.models.sessions.ChatSessionManager.named", look_up_and_end)
    consumer: Any = ChatConsumer(lambda session, _: PlainDialect(session))
    consumer.scope = {"url_route": {"kwargs": {"session_id": session.public_id}}, "query_string": b""}
    opened = consumer.look_up(Credentials(alice))
    run.refresh_from_db()
    assert run.status == "interrupted" and run.first_seq
    assert opened.after == run.first_seq - 1
    assert [loads(text)["type"] for text in opened.opening] == ["connected"]  # and nothing of an end
