"""Another try, in every way, and what people and the model see after it."""

import pytest

from chat_app.exceptions import MessageGone, NothingToContinue, NothingToRegenerate, NotWords, RunActive
from chat_app.history import History
from chat_app.models import Event, Run, branches
from chat_app.models.ending import STOPPED_NOTE
from chat_app.models.place import CONTINUE_NOTE, said_before
from chatjuicer.accounts.models import AuditEntry
from chatjuicer.api.exceptions import IdempotencyMismatch
from sessions_app.models import ChatSession, Message, PackedHistory
from tests.chat_app.models.talk import Talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(session: ChatSession) -> Talk:
    return Talk(session)


def types(talk: Talk) -> list[str]:
    return list(Event.objects.filter(session=talk.session).after(0).values_list("type", flat=True))


def listed(talk: Talk) -> list[dict[str, object]]:
    found: list[dict[str, object]] = History(ChatSession.objects.get(pk=talk.session.pk)).page(50, 0, None, None)[
        "messages"
    ]
    return found


def test_another_answer_takes_the_place_of_the_one_before_which_stays(talk: Talk) -> None:
    words, first = talk.exchange("Where?", "Rome")
    talk.exchange("And then?", "Paris")
    run = talk.regenerate(first.pk).run
    assert types(talk)[-2:] == ["path_changed", "stream_start"]
    assert talk.given == ["Where?"]
    talk.answer("Oslo")
    assert talk.shown == talk.given == ["Where?", "Oslo"]
    second = Message.objects.get(run_id=run.pk)
    assert second.parent_id == first.parent_id == words.pk
    assert [(row["content"], row["sibling_count"]) for row in listed(talk)] == [("Where?", 1), ("Oslo", 2)]
    assert [version.content for version in History(talk.session).versions(first.pk)] == ["Rome", "Oslo"]
    talk.select(first.pk)
    assert talk.shown == talk.given == ["Where?", "Rome", "And then?", "Paris"]
    talk.select(second.pk)
    assert talk.shown == talk.given == ["Where?", "Oslo"]


def test_the_words_may_be_named_in_the_place_of_their_answer(talk: Talk) -> None:
    words, answer = talk.exchange("Where?", "Rome")
    talk.regenerate(words.pk)
    talk.call()
    talk.answer("Oslo")
    talk.regenerate(words.pk)
    talk.answer("Bonn")
    assert talk.shown == ["Where?", "Bonn"]
    places = [version.content or version.tool_name for version in History(talk.session).versions(answer.pk)]
    assert places == ["Rome", "clock", "Bonn"]


def test_other_words_stand_beside_the_older_ones_also_the_first(talk: Talk) -> None:
    first, _ = talk.exchange("Where?", "Rome")
    started = talk.edit(first.pk, "When?")
    assert types(talk)[-3:] == ["message_created", "path_changed", "stream_start"]
    talk.answer("Now")
    assert talk.shown == talk.given == ["When?", "Now"]
    assert [row["parent_id"] for row in listed(talk)] == [None, str(started.message_ids[0])]
    talk.exchange("Sure?", "Yes")
    talk.select(first.pk)
    assert talk.shown == talk.given == ["Where?", "Rome"]
    talk.select(started.message_ids[0])
    assert talk.shown == talk.given == ["When?", "Now", "Sure?", "Yes"]


@pytest.mark.parametrize("reason", ["length", "error", "interrupted"])
def test_an_answer_that_was_cut_short_goes_on_in_its_own_row(talk: Talk, reason: str) -> None:
    talk.send("Count")
    talk.say("one two")
    if reason == "interrupted":
        talk.stop()
    elif reason == "error":
        talk.end("error")
    else:
        talk.complete("one two")
        talk.end("length")
    cut = talk.path[-1]
    assert cut.partial
    talk.go_on()
    assert History(ChatSession.objects.get(pk=talk.session.pk)).detail()["live"][0]["content"] == "one two"
    talk.say(" three")
    live = History(ChatSession.objects.get(pk=talk.session.pk)).detail()["live"]
    assert [(row["id"], row["content"]) for row in live] == [(str(cut.pk), "one two three")]
    talk.complete(" three")
    talk.end()
    whole = talk.path[-1]
    assert (whole.pk, whole.content, whole.status, whole.partial) == (cut.pk, "one two three", "completed", False)
    assert len(talk.path) == 2
    assert talk.given[-2:] == [CONTINUE_NOTE, " three"]
    with pytest.raises(NothingToContinue):
        talk.go_on()


def test_what_the_answer_had_before_it_went_on_is_known_until_it_has_ended(talk: Talk) -> None:
    """For clients that are told an answer by its deltas alone."""

    def before() -> str:
        assert talk.run is not None
        said = said_before(Run.objects.get(pk=talk.run.pk), talk.session)
        return said.content if said else ""

    talk.send("Count")
    assert before() == ""
    talk.say("one two")
    talk.stop()
    talk.go_on()
    assert before() == "one two"
    talk.say(" two")
    assert before() == "one two"
    talk.complete(" two")
    talk.call()
    talk.say("And three.")
    assert before() == "one two", "though that message is whole"


def test_going_on_twice_is_one_run(talk: Talk) -> None:
    talk.send("Count")
    talk.say("one")
    talk.stop()
    first, again = talk.go_on(), talk.go_on()
    assert again.again
    assert first.run.pk == again.run.pk


def test_an_answer_that_goes_on_and_is_cut_again_adds_nothing_twice(talk: Talk) -> None:
    talk.send("Count")
    talk.say("one")
    talk.stop()
    talk.go_on()
    talk.end("error")
    assert [(row.content, row.status) for row in talk.path] == [("Count", "completed"), ("one", "failed")]
    talk.go_on()
    talk.call()
    talk.say("three")
    talk.stop()
    assert talk.shown == ["Count", "one", "clock", "three"]
    assert talk.given.count("one") == talk.given.count("three") == 1


def test_there_is_nothing_to_continue_where_no_answer_was_cut(talk: Talk) -> None:
    with pytest.raises(NothingToContinue):
        talk.go_on()
    talk.send("Where?")
    talk.stop()
    with pytest.raises(NothingToContinue):
        talk.go_on()
    talk.exchange("Where?", "Rome")
    with pytest.raises(NothingToContinue):
        talk.go_on()


def test_a_failed_turn_is_tried_again_and_adds_nothing_twice(talk: Talk) -> None:
    talk.send("Where?")
    talk.end("error")
    failed = talk.path[-1]
    assert (failed.status, failed.error_code) == ("failed", "provider_timeout")
    talk.regenerate(failed.pk)
    talk.answer("Rome")
    assert talk.shown == talk.given == ["Where?", "Rome"]
    assert Message.objects.filter(role="user").count() == 1


def test_another_answer_that_is_stopped_before_its_first_word_gives_the_place_back(talk: Talk) -> None:
    _, answer = talk.exchange("Where?", "Rome")
    talk.exchange("And then?", "Paris")
    talk.regenerate(answer.pk)
    assert talk.shown == ["Where?"]
    talk.stop()
    assert talk.shown == talk.given == ["Where?", "Rome", "And then?", "Paris"]
    talk.regenerate(answer.pk)
    talk.say("Os")
    talk.stop()
    assert talk.shown == ["Where?", "Os"]
    assert talk.given == ["Where?", "Os", STOPPED_NOTE]


def test_a_message_goes_with_all_that_follows_and_the_newest_other_version_comes(talk: Talk) -> None:
    _, first = talk.exchange("Where?", "Rome")
    talk.regenerate(first.pk)
    talk.answer("Oslo")
    talk.regenerate(first.pk)
    talk.answer("Bonn")
    talk.exchange("And then?", "Paris")
    bonn = talk.path[1]
    talk.delete(bonn.pk)
    line = AuditEntry.objects.latest("seq")
    told = {"session": str(talk.session.pk), "owner": str(talk.session.owner_id), "count": 3}
    assert (line.action, line.object, line.details) == ("message_deleted", f"message:{bonn.pk}", told)
    assert talk.shown == talk.given == ["Where?", "Oslo"]
    with pytest.raises(MessageGone):
        talk.delete(bonn.pk)
    assert AuditEntry.objects.latest("seq") == line
    talk.delete(talk.path[0].pk)
    session = ChatSession.objects.get(pk=talk.session.pk)
    assert (talk.shown, talk.given, session.message_count, session.last_message_preview) == ([], [], 0, "")
    assert not Message.objects.exists()
    talk.exchange("Anew", "Yes")
    assert talk.shown == talk.given == ["Anew", "Yes"]


def test_what_waits_comes_along_to_the_path_that_is_selected(talk: Talk) -> None:
    _, rome = talk.exchange("Where?", "Rome")
    talk.regenerate(rome.pk)
    talk.answer("Oslo")
    talk.send("Long?")
    talk.say("A lo")
    talk.send("Queued")
    talk.select(rome.pk)
    assert talk.shown == ["Where?", "Rome", "Queued"]
    talk.answer("Heard")
    assert talk.shown == talk.given == ["Where?", "Rome", "Queued", "Heard"]
    assert Message.objects.get(content="A lo").status == "interrupted"


def test_while_another_answer_is_given_what_waits_stands_back(talk: Talk) -> None:
    _, rome = talk.exchange("Where?", "Rome")
    talk.send("Long?")
    talk.regenerate(rome.pk)  # waits, too
    talk.send("Queued")
    talk.answer("A long answer")
    assert talk.shown == ["Where?"]
    talk.say("Oslo")
    talk.complete("Oslo")
    talk.end()
    assert talk.shown == ["Where?", "Oslo", "Queued"]
    talk.answer("Heard")
    assert talk.shown == talk.given == ["Where?", "Oslo", "Queued", "Heard"]
    assert len(History(ChatSession.objects.get(pk=talk.session.pk)).versions(rome.pk)) == 2


def test_what_is_said_before_the_first_word_of_another_answer_does_not_come_between(talk: Talk) -> None:
    words, rome = talk.exchange("Where?", "Rome")
    answer = talk.regenerate(rome.pk).run
    talk.send("Soon")
    assert talk.shown == ["Where?"]
    talk.say("Oslo")
    talk.send("Later")
    talk.complete("Oslo")
    talk.end()
    assert talk.shown == ["Where?", "Oslo", "Soon", "Later"]
    assert Message.objects.get(run_id=answer.pk).parent_id == words.pk
    talk.answer("Yes")
    talk.answer("Also")
    assert talk.given == ["Where?", "Oslo", "Soon", "Yes", "Later", "Also"]


def test_other_words_wait_their_turn_out_of_view(talk: Talk) -> None:
    words, _ = talk.exchange("Where?", "Rome")
    talk.send("Long?")
    talk.edit(words.pk, "When?")
    assert talk.shown == ["Where?", "Rome", "Long?"]
    talk.answer("Yes")
    assert talk.shown == talk.given == ["When?"]
    talk.answer("Now")
    assert talk.shown == talk.given == ["When?", "Now"]


def test_words_that_were_stopped_in_the_queue_are_given_where_they_stand(talk: Talk) -> None:
    words, _ = talk.exchange("Where?", "Rome")
    talk.send("Long?")
    edit = talk.edit(words.pk, "When?").run
    Run.objects.interrupt(talk.session.pk, edit.pk)
    talk.answer("Yes")
    assert talk.given == ["Where?", "Rome", "Long?", "Yes"]
    talk.select(edit.inputs()[0].pk)
    assert talk.shown == ["When?"]
    assert talk.given[0] == "When?"


def test_a_waiting_message_that_is_deleted_is_not_answered(talk: Talk) -> None:
    talk.send("Long?")
    waiting = talk.send("Queued").message_ids[0]
    talk.say("A lo")
    talk.delete(waiting)
    assert AuditEntry.objects.latest("seq").object == f"message:{waiting}"
    talk.complete("A lo")
    talk.end()
    assert talk.shown == talk.given == ["Long?", "A lo"]
    assert talk.run is None


def test_an_answer_that_is_deleted_while_it_is_written_ends(talk: Talk) -> None:
    words = talk.send("Long?").message_ids[0]
    talk.say("A lo")
    talk.delete(words)
    assert (talk.shown, talk.given, talk.run) == ([], [], None)
    assert types(talk)[-2:] == ["stream_end", "path_changed"]


def test_a_summary_is_left_behind_with_the_words_that_it_covers(talk: Talk) -> None:
    first, _ = talk.exchange("Where?", "Rome")
    second, _ = talk.exchange("When?", "Now")
    talk.summarize()
    talk.exchange("Why?", "So")
    assert talk.given == ["In short.", "Why?", "So"]
    talk.edit(second.pk, "How?")
    talk.answer("By train")
    assert talk.given == ["Where?", "Rome", "How?", "By train"]
    talk.select(second.pk)
    assert talk.given == ["In short.", "Why?", "So"]
    talk.summarize()
    talk.edit(first.pk, "What?")
    talk.answer("That")
    assert talk.given == ["What?", "That"]


def test_a_summary_goes_with_the_words_that_stand_in_it(talk: Talk) -> None:
    first, _ = talk.exchange("Where?", "Rome")
    talk.summarize()
    second, _ = talk.exchange("When?", "Now")
    kept = talk.session.compactions.get()
    talk.summarize()
    talk.delete(second.pk)
    assert talk.given == ["In short."]
    assert talk.session.compactions.get() == kept
    talk.delete(first.pk)
    assert (talk.given, talk.session.compactions.exists()) == ([], False)


def test_what_an_older_version_has_thrown_away_is_made_from_the_messages(talk: Talk) -> None:
    talk.exchange("Where?", "Rome")
    second, _ = talk.exchange("When?", "Now")
    talk.session.context_items.all().delete()
    talk.session.add_context([{"role": "system", "content": "Summary"}])
    Message.objects.update(parent_id=None)
    ChatSession.objects.update(leaf_id=None)
    talk.exchange("Why?", "So")
    talk.session.context_items.update(message_id=None)
    why = talk.path[-2]
    talk.edit(why.pk, "How?")
    talk.answer("By train")
    assert talk.given == ["Summary", "How?", "By train"]
    talk.edit(second.pk, "And?")
    talk.answer("Then")
    assert talk.given == ["Where?", "Rome", "And?", "Then"]
    talk.select(why.pk)
    assert talk.given == ["Summary", "Why?", "So"]


def test_rows_that_name_no_parent_follow_the_row_before_them(talk: Talk) -> None:
    talk.exchange("Where?", "Rome")
    talk.exchange("When?", "Now")
    before = listed(talk)
    Message.objects.update(parent_id=None)
    assert listed(talk) == before
    page = History(ChatSession.objects.get(pk=talk.session.pk)).page(2, 2, None, None)["messages"]
    assert [row["parent_id"] for row in page] == [row["parent_id"] for row in before[2:]]


def test_a_packed_session_shows_its_path_and_comes_back_as_it_was(talk: Talk) -> None:
    _, rome = talk.exchange("Where?", "Rome")
    talk.regenerate(rome.pk)
    talk.answer("Oslo")
    talk.exchange("Why?", "So")
    session = ChatSession.objects.get(pk=talk.session.pk)
    assert ChatSession.objects.update(last_used_at="2020-01-01T00:00:00Z")
    before = listed(talk)
    assert PackedHistory.objects.pack(session, session.created_at)
    assert listed(talk) == before
    assert [v.content for v in History(ChatSession.objects.get(pk=session.pk)).versions(rome.pk)] == ["Rome", "Oslo"]
    talk.select(rome.pk)
    assert talk.shown == talk.given == ["Where?", "Rome"]


def test_the_page_around_a_place(talk: Talk) -> None:
    for number in range(6):
        talk.exchange(f"q{number}", f"a{number}")
    history = History(ChatSession.objects.get(pk=talk.session.pk))
    assert [m.position for m in history.around(6, 4)[0]] == [5, 6, 7, 8]
    assert [m.position for m in history.around(1, 4)[0]] == [1, 2, 3, 4]
    assert [m.position for m in history.around(12, 4)[0]] == [9, 10, 11, 12]
    assert history.around(6, 50)[1] is False


def test_only_a_persons_words_are_edited_and_only_answers_are_given_again(talk: Talk) -> None:
    words, answer = talk.exchange("Where?", "Rome")
    with pytest.raises(NotWords):
        talk.edit(answer.pk, "No")
    note = talk.session.post("system", "A note")
    with pytest.raises(NothingToRegenerate):
        talk.regenerate(note.pk)
    with pytest.raises(MessageGone):
        talk.regenerate(talk.session.pk)
    talk.send("Long?")
    with pytest.raises(RunActive):
        talk.edit(words.pk, "When?", on_busy="reject")


def test_the_same_request_again_is_one_run(talk: Talk) -> None:
    words, answer = talk.exchange("Where?", "Rome")
    first = talk.regenerate(answer.pk, client_id="c1").run
    assert talk.regenerate(answer.pk, client_id="c1").run == first
    with pytest.raises(IdempotencyMismatch):
        talk.edit(words.pk, "When?", client_id="c1")
    talk.answer("Oslo")
    edit = talk.edit(words.pk, "When?", client_id="c2")
    assert talk.edit(words.pk, "When?", client_id="c2").message_ids == edit.message_ids
    assert Message.objects.filter(role="user").count() == 2


def test_who_would_rather_wait_does_not_stop_an_answer_by_looking_back(talk: Talk) -> None:
    _, rome = talk.exchange("Where?", "Rome")
    talk.regenerate(rome.pk)
    talk.say("Os")
    with pytest.raises(RunActive):
        branches.select(talk.session.pk, rome.pk, patient=True)
    assert talk.path[-1].status == "pending"
