"""The doctor finds each fault that is planted, mends it, and leaves the healthy alone."""

import asyncio
import io
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from chat_app import protocol
from chat_app.log.record import record
from chat_app.models import Event, Run
from chat_app.runs import commands
from chatjuicer.accounts.models import User
from chatjuicer.encryption import name_of
from files_app.incoming import Incoming
from files_app.models import File, StorageUsage, StoredBytes, bytes_of
from files_app.storage import file_storage
from sessions_app.models import AccountLog, ChatSession, Message, MessageDraft, SessionTally
from tests.chat_app.conftest import make_unreadable
from tests.harness.client import signed_in
from tests.harness.sites import Sites

CALL = {"type": "function_call", "call_id": "call_1", "name": "current_time", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    files = settings.STORAGES["files"] | {"OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"files": files}
    return tmp_path


@pytest.fixture
def session(alice: User) -> ChatSession:
    """One answer was given with a tool, one stopped in a tool call, one is being given; there is a file."""
    session, _ = ChatSession.objects.open(alice)
    first = begin(session, "What time is it?")
    session.add_context([CALL], run_id=first.pk)
    told = MessageDraft(role="tool_call", tool_call_id="call_1", tool_name="current_time", run_id=first.pk)
    session.add_messages([told])[0].finish_tool("noon", True)
    Message.objects.filter(tool_call_id="call_1").update(tool_result="noon", tool_success=True)
    session.add_context([OUTPUT], run_id=first.pk)
    say(session, first, "It is ", "noon.")
    first.end(Run.Status.COMPLETED, "stop")

    stopped = begin(session, "And now?")
    session.add_context([CALL | {"call_id": "call_2"}], run_id=stopped.pk)
    draft = MessageDraft(role="tool_call", status="pending", tool_call_id="call_2", run_id=stopped.pk)
    session.add_messages([draft])
    stopped.end(Run.Status.INTERRUPTED, "interrupted")

    say(session, begin(session, "Tell me a story"), "Once", " upon")
    with Incoming(1000, "notes.txt") as incoming:
        incoming.write(b"notes")
        with bytes_of(session, incoming) as (stored, facts):
            File.objects.put(session, "sources", "notes.txt", stored, facts)
    session.refresh_from_db()
    return session


def begin(session: ChatSession, text: str) -> Run:
    command = protocol.SendMessage(messages=[text])
    return commands.begin(
        session.pk, command, commands.inputs_of(command), past_question=False, owner="elsewhere:1:aaaa"
    ).run


def say(session: ChatSession, run: Run, *words: str) -> None:
    """As the journal would write it."""
    draft = MessageDraft(role="assistant", status="pending", run_id=run.pk)
    (message,) = session.add_messages([draft])
    record(session, [protocol.Delta(word, message.pk) for word in words], run.pk)


def doctor(*arguments: str) -> str:
    said = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=said)
    except CommandError as error:
        said.write(f"error: {error}")
    return said.getvalue()


def test_the_healthy_are_left_alone(session: ChatSession) -> None:
    before = rows()
    assert doctor() == "Nothing is wrong.\n"
    assert doctor("--repair") == "Nothing is wrong.\n"
    assert rows() == before


# -- faults


def lose_an_event(session: ChatSession) -> None:
    Event.objects.filter(session=session, seq=3).delete()


def lose_the_last_event(session: ChatSession) -> None:
    Event.objects.filter(session=session, seq=session.last_seq).delete()


def set_last_seq_back(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(last_seq=F("last_seq") - 2)


def let_the_owner_die(session: ChatSession) -> None:
    Run.objects.filter(status="running").update(lease_until=timezone.now() - timedelta(seconds=1))


def forget_the_owner(session: ChatSession) -> None:
    Run.objects.filter(status="running").update(owner="", lease_until=None)


def end_without_saying_so(session: ChatSession) -> None:
    run = Run.objects.get(status="running")
    Run.objects.filter(pk=run.pk).update(status="failed", finish_reason="error", lease_until=None)
    Message.objects.get(run_id=run.pk, status="pending").complete("Once upon", status="failed")


def leave_an_answer_pending(session: ChatSession) -> None:
    Message.objects.filter(content="It is noon.").update(status="pending", content="")


def leave_a_tool_call_pending(session: ChatSession) -> None:
    Message.objects.filter(tool_call_id="call_2").update(status="pending")


def lose_an_output(session: ChatSession) -> None:
    Run.objects.get(status="running").end(Run.Status.COMPLETED, "stop")
    remove_item(session, OUTPUT)


def lose_a_call(session: ChatSession) -> None:
    Run.objects.get(status="running").end(Run.Status.COMPLETED, "stop")
    remove_item(session, CALL)


def remove_item(session: ChatSession, value: dict[str, Any]) -> None:
    session.context_items.filter(pk__in=[row.pk for row in session.context_items.all() if row.value == value]).delete()


def leave_the_state_behind(session: ChatSession) -> None:
    ChatSession.objects.update(state="awaiting_approval")


def miscount_messages(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(message_count=99)


def show_another_preview(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(last_message_preview="something else")


def set_positions_back(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(last_position=1)


def set_context_positions_back(session: ChatSession) -> None:
    ChatSession.objects.filter(pk=session.pk).update(last_context_position=1)


def miscount_sessions(session: ChatSession) -> None:
    SessionTally.objects.update(count=7)


def lose_the_tally(session: ChatSession) -> None:
    SessionTally.objects.all().delete()


def lose_bytes(session: ChatSession) -> None:
    file_storage().remove([File.objects.get().storage_key])


def leave_bytes(session: ChatSession) -> None:
    path = Path(file_storage().beneath.path("ab/left"))  # type: ignore[attr-defined]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"left")
    two_days_ago = time.time() - 2 * 86400
    os.utime(path, (two_days_ago, two_days_ago))


def keep_bytes_for_nothing(session: ChatSession) -> None:
    File.objects.all().delete()


def miscount_bytes(session: ChatSession) -> None:
    StorageUsage.objects.update(size_bytes=77)


def miscount_bytes_of_messages(session: ChatSession) -> None:
    AccountLog.objects.update(message_bytes=77)


FAULTS: list[tuple[Callable[[ChatSession], None], str]] = [
    (lose_an_event, "seq-gap"),
    (lose_the_last_event, "seq-gap"),
    (set_last_seq_back, "seq-gap"),
    (let_the_owner_die, "orphaned-run"),
    (forget_the_owner, "stuck-run"),
    (end_without_saying_so, "stuck-run"),
    (leave_an_answer_pending, "pending-message"),
    (leave_a_tool_call_pending, "pending-message"),
    (lose_an_output, "unpaired-context"),
    (lose_a_call, "unpaired-context"),
    (leave_the_state_behind, "state"),
    (miscount_messages, "counters"),
    (show_another_preview, "counters"),
    (set_positions_back, "counters"),
    (set_context_positions_back, "counters"),
    (miscount_sessions, "tally"),
    (lose_the_tally, "tally"),
    (lose_bytes, "missing-bytes"),
    (leave_bytes, "stray-bytes"),
    (keep_bytes_for_nothing, "stray-bytes"),
    (miscount_bytes, "storage-usage"),
    (miscount_bytes_of_messages, "message-bytes"),
]


@pytest.mark.parametrize(("plant", "check"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_is_found_and_mended(session: ChatSession, plant: Callable[[ChatSession], None], check: str) -> None:
    plant(session)
    before = rows()
    found = doctor()
    assert f"\n{check}: " in f"\n{found}"
    assert "error: Found 1 " in found
    assert rows() == before, "looking changes nothing"
    assert "\nMended 1 " in doctor("--repair")
    assert doctor() == "Nothing is wrong.\n"


def rows() -> list[Any]:
    models = (ChatSession, Message, Run, Event, SessionTally, File, StoredBytes, StorageUsage)
    return [sorted(map(str, model._default_manager.values_list())) for model in models]


def test_what_is_encrypted_is_examined_too(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    session = request.getfixturevalue("session")
    assert doctor() == "Nothing is wrong.\n"
    lose_an_output(session)
    show_another_preview(session)
    assert "Found 1 unpaired-context, 1 counters" in doctor()
    doctor("--repair")
    assert doctor() == "Nothing is wrong.\n"
    ChatSession.objects.update(metadata={"of": "it"})
    (key,) = settings.MESSAGE_ENCRYPTION_KEYS
    settings.MESSAGE_ENCRYPTION_KEYS = []
    told = doctor()
    for where in ("ChatSession: values", "Message: values", "File: bytes, 1 of them"):
        assert f"{where}" in told
    assert told.count(f"by a key that is not there ({name_of(key)})") == told.count("unknown-key: ") > 3


# -- what mending keeps


def test_what_was_said_is_kept_when_the_owner_has_died(session: ChatSession) -> None:
    let_the_owner_die(session)
    doctor("--repair")
    message = session.messages.latest("position")
    assert (message.content, message.status, message.partial) == ("Once upon", "failed", True)
    assert Event.objects.filter(session=session).latest("seq").type == "stream_end"
    assert [run.status for run in Run.objects.order_by("first_position")] == ["completed", "interrupted", "failed"]


def test_a_pending_answer_gets_the_words_of_the_log(session: ChatSession) -> None:
    leave_an_answer_pending(session)
    doctor("--repair")
    assert session.messages.filter(content="It is noon.", status="failed", partial=True).exists()


def test_numbers_that_were_given_out_are_not_given_out_again(session: ChatSession) -> None:
    lose_the_last_event(session)
    doctor("--repair")
    last = session.last_seq
    session.refresh_from_db()
    assert (session.last_seq, session.forgotten_seq) == (last, last)
    session.post("user", "Hello")
    assert Event.objects.get(session=session).seq == last + 1


def test_the_whole_end_of_a_log_is_kept(session: ChatSession) -> None:
    lose_an_event(session)
    doctor("--repair")
    seqs = list(Event.objects.filter(session=session).order_by("seq").values_list("seq", flat=True))
    session.refresh_from_db()
    assert session.forgotten_seq == 3
    assert seqs == list(range(4, session.last_seq + 1))


def test_a_lost_output_is_what_the_history_says(session: ChatSession) -> None:
    lose_an_output(session)
    doctor("--repair")
    items = [row.value for row in session.context_items.order_by("position")]
    assert OUTPUT in items


async def test_what_is_under_way_is_no_fault(sites: Sites) -> None:
    with sites.own(processes=1, demo=True) as site:
        async with signed_in(site.url) as alice:
            sessions = [await alice.create_session() for _ in range(5)]

            async def talk(session: str) -> None:
                async with alice.chat(session) as chat:
                    while True:
                        await chat.say("What time is it?", "And the files?")
                        await chat.ask("count to 20")

            talking = [asyncio.create_task(talk(session)) for session in sessions]
            await asyncio.sleep(1)
            for _ in range(3):
                assert await asyncio.to_thread(site.manage, "doctor", "--repair") == "Nothing is wrong.\n"
            assert not any(task.done() for task in talking)
            for task in talking:
                task.cancel()


def test_what_cannot_be_examined_is_told_and_stops_no_other(session: ChatSession, alice: User) -> None:
    make_unreadable(session.messages.get(tool_call_id="call_2"))
    Message.objects.filter(tool_call_id="call_2").update(status="pending")
    ChatSession.objects.update(message_count=99)
    told = doctor("--repair")
    assert "cannot be mended: UnknownKey" in told
    assert f"{session.public_id}: message_count" in told
