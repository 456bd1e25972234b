"""What a person attached, on its way to the model."""

from base64 import b64encode

import pytest

from chat_app.agent.answer import answer
from chat_app.database import in_database
from chat_app.runs.contract import RunRequest
from chatjuicer.accounts.models import User
from files_app.attachments import Attachment, content_for_model
from files_app.workspace import Workspace
from sessions_app import catalogue
from sessions_app.models import ChatSession
from tests.chat_app.agent.conftest import RecordingWriter
from tests.harness.provider import Provider

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40)


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("gpt-4.1", True),
        ("openai/gpt-5-2025-08-07", True),
        ("llava-1.6", True),
        ("demo", False),
        ("mistral-7b", False),
        ("o3", True),
        ("o3-mini", False),
        ("o4-mini", True),
    ],
)
def test_who_can_see(model: str, sees: bool) -> None:
    assert catalogue.can_see(model) is sees


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("model", "seen"), [("gpt-4.1", True), ("gemma-3-27b", True), ("mistral-7b", False)])
async def test_an_image_goes_to_a_model_that_can_see(
    alice: User, writer: RecordingWriter, provider: Provider, model: str, seen: bool
) -> None:
    def attach() -> tuple[ChatSession, list[Attachment]]:
        session, _ = ChatSession.objects.open(alice)
        workspace = Workspace(session)
        return session, [
            Attachment.of(workspace.write("sources/cat.png", PNG)),
            Attachment.of(workspace.write("sources/notes.txt", b"notes")),
        ]

    session, attachments = await in_database(attach)
    content = content_for_model("What is this?", attachments)
    history = [{"role": "user", "content": content}]
    run_request = RunRequest(session.pk, session.pk, session.public_id, session.owner_id, model, history=history)
    await answer(run_request, writer)
    sent = str(provider.requests[0].body)
    assert (f"data:image/png;base64,{b64encode(PNG).decode()}" in sent) is seen
    assert "attachment:" not in sent
    assert "sources/cat.png, sources/notes.txt" in sent
    assert "sources/cat.png" in (provider.requests[0].body.get("instructions") or sent)
