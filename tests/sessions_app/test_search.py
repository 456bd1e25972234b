"""Finding what was said, on both databases alike."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from chatjuicer.accounts.models import User
from chatjuicer.encryption import MARK
from chatjuicer.operations.tasks import forget_deleted_words
from sessions_app.archive import archive_unused
from sessions_app.models import ChatSession, Message, MessageDraft, SearchEntry
from sessions_app.search import deleted
from sessions_app.search.query import Query
from tests.conftest import refused
from tests.sessions_app.term_index import pages_of_index, rows_of_index

index_rows = partial(rows_of_index, index="sessions_app_search", table="sessions_app_searchentry")


@pytest.fixture
def session(alice: User) -> ChatSession:
    return ChatSession.objects.open(alice, public_id="trip", title="To Lisbon")[0]


def say(session: ChatSession, *texts: str, role: str = "user", **fields: Any) -> list[Message]:
    return session.add_messages([MessageDraft(role=role, content=text, **fields) for text in texts])


def search(client: APIClient, q: str, **query: Any) -> dict[str, Any]:
    answer = client.get("/api/search", {"q": q, **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def found(client: APIClient, q: str, **query: Any) -> list[str]:
    """The marked words of each result, one text a result."""
    return [
        " ".join(result["snippet"][low:high] for low, high in result["marks"])
        for result in search(client, q, **query)["results"]
    ]


def housekeep() -> str:
    told = StringIO()
    call_command("housekeep", "--wait", "0", stdout=told)
    return told.getvalue()


def test_a_result_says_where_it_stands(session: ChatSession, alice_client: APIClient) -> None:
    (message,) = say(session, "Shall we\ntake the night train to Lisbon?")
    first, second = search(alice_client, "night train")["results"], search(alice_client, "lisbon")["results"]
    assert first == [
        {
            "session_id": "trip",
            "session_title": "To Lisbon",
            "kind": "message",
            "message_id": str(message.pk),
            "position": 1,
            "role": "user",
            "visible": True,
            "snippet": "Shall we take the night train to Lisbon?",
            "marks": [[18, 23], [24, 29]],
            "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        }
    ]
    assert [result["kind"] for result in second] == ["message", "title"]
    title = second[1]
    assert (title["message_id"], title["position"], title["role"]) == (None, None, None)
    assert (title["snippet"], title["marks"]) == ("To Lisbon", [[3, 9]])


@pytest.mark.parametrize(
    ("q", "marked"),
    [
        ("quick fox", ["quick fox"]),
        ("fox qui", ["quick fox"]),
        ("qui fox", []),  # only the last one may be a beginning
        ('"quick brown"', ["quick brown"]),
        ('"brown quick"', []),
        ('"quick bro', ["quick brown"]),
        ("“quick brown”", ["quick brown"]),
        ("fox -dog", []),
        ("fox -cat", ["fox"]),
        ('fox -"lazy dog"', []),
        ('fox -"dog lazy"', ["fox"]),
        ("QUICK", ["quick"]),
        ("strasse", ["Straße"]),
        ("STRASSE cafe", ["Straße café"]),
        ("CAFE\u0301", ["café"]),
        ("東京", ["東京"]),
        ("京都", []),
        ("東京タワー", ["東京タワー"]),
        ("タワー東京", []),
        ("塔", ["塔"]),
        ("가세", ["가세"]),
        ("ประเทศ", ["ประเทศ"]),
        ("привет", ["Привет"]),
        ("ПРИВЕ", ["Привет"]),
        ("नमस्ते", ["नमस्ते"]),
        ("o'brien", ["O'Brien"]),
        ("v2 pdf", ["v2 pdf"]),
        ("😀", []),
        ("-fox", []),
    ],
)
def test_words_of_all_languages(session: ChatSession, alice_client: APIClient, q: str, marked: list[str]) -> None:
    say(
        session,
        "The quick brown fox jumps over the lazy dog; O'Brien saw it. Straße, café, report_v2.pdf. "
        "東京タワーと塔 안녕하세요가세요 ประเทศไทย Привет नमस्ते 😀 end",
    )
    assert found(alice_client, q) == marked


WORDS = " ".join(f"w{n}" for n in range(40))


@pytest.mark.parametrize(
    ("q", "is_found"),
    [
        (f"{WORDS} absent", False),
        (f"{WORDS} w4", True),
        (f"w1 {' '.join(f'-no{n}' for n in range(40))} -w39", False),
        (f"w1 {' '.join(f'-no{n}' for n in range(40))}", True),
        (f'{WORDS} "w7 w8"', True),
        (f'{WORDS} "w8 w7"', False),
    ],
)
def test_all_words_count_however_many(session: ChatSession, alice_client: APIClient, q: str, is_found: bool) -> None:
    say(session, WORDS)
    assert bool(found(alice_client, q)) == is_found


@pytest.mark.parametrize(
    ("q", "marked"),
    [
        ("C#", ["C#"]),
        ("c++", ["C++"]),
        ("C+", ["C+"]),
        ('"C++ code"', ["C++ code"]),
        ("C# code", ["C# code"]),
        ("c -c++", ["C", "c"]),
        ("F#", []),
    ],
)
def test_signs_behind_a_word_are_a_part_of_it(
    session: ChatSession, alice_client: APIClient, q: str, marked: list[str]
) -> None:
    say(session, "c as in compare", "C# code", "C++ code")
    assert found(alice_client, q) == marked


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ('"blue sky"', "Such a Blue  Sky!", True),
        ('"blue sky"', "Blue; then\n- sky", False),
        ('"blue sky"', "Blue:\n- sky", True),
        ('"blue sky"', "a blue skyline", False),
        ('"blue sk', "a blue skyline", True),
        ('"blue sky"', "sky blue", False),
        ('"blue sky"', "très blue — Ｓｋｙ", True),
        (f'"{"a" * 70} sky"', f"{'a' * 80} sky", True),
        ('-"blue sky" blue', "sky blue", True),
        ('-"blue sky" blue', "blue sky", False),
    ],
)
def test_a_phrase_is_words_that_follow_each_other(query: str, text: str, found: bool) -> None:
    assert bool(Query.parse(query).marks(text)) == found


def test_marks_count_code_points(session: ChatSession, alice_client: APIClient) -> None:
    say(session, "😀" * 100 + " needle " + "𝕏 " * 300)
    (result,) = search(alice_client, "needle")["results"]
    (low, high) = result["marks"][0]
    assert result["snippet"][low:high] == "needle"
    assert len(result["snippet"]) <= 202
    assert result["snippet"][0] == result["snippet"][-1] == "…"


@pytest.mark.parametrize(
    "q",
    [
        '"', "-", "--", '-"', '""', "*", "a* OR b NOT (c", "'; DROP TABLE x; --", "AND", "NEAR(a b, 3)", "a:b", "\\",
        "^a", "{a b}: c", "%", "_", "&|!", "':*", "a <-> b", "\u202e\ufeff", "a" * 1000, '"a ' * 300, "-a -b",
        "東" * 900,
        "é" * 900,
        "\u0301", "½ ⑴ ﷺ", "\U0001f600",
    ],
)  # fmt: skip
def test_no_syntax_is_an_error(session: ChatSession, alice_client: APIClient, q: str) -> None:
    say(session, "nothing of that kind, 東 é ½ ⑴ ﷺ a")
    for _ in range(2):
        assert search(alice_client, q)["results"] is not None


def test_what_is_no_search_is_refused(session: ChatSession, alice_client: APIClient, mallory_client: APIClient) -> None:
    for query in ("", "q=", "q=%20", "q=a&role=nobody", "q=a&before=soon", "q=a&cursor=x", "q=a&limit=0", "q=%00"):
        refused(alice_client.get(f"/api/search?{query}"), 400, "invalid_input")
    assert alice_client.get("/api/search?q=a&session_id=unknown").status_code == 404
    say(session, "secret")
    assert search(mallory_client, "secret")["results"] == []
    assert mallory_client.get("/api/search?q=secret&session_id=trip").status_code == 404


def test_pages_by_cursor_give_all_once_the_latest_first(session: ChatSession, alice_client: APIClient) -> None:
    say(session, *(f"common {'even' if n % 2 == 0 else 'odd'} {n}" for n in range(150)))
    now = timezone.now()
    for message in Message.objects.all():  # over three years, as the rows and the index have it
        moment = now - timedelta(days=7 * (150 - message.position))
        Message.objects.filter(pk=message.pk).update(created_at=moment)
    SearchEntry.objects.all().delete()
    ChatSession.objects.update(search_scheme="")
    assert "search: 150" in housekeep()
    for q, expected in (("common", range(150, 0, -1)), ("common -odd", range(149, 0, -2)), ('"even 14"', [15])):
        seen: list[int] = []
        cursor = ""
        while True:
            page = search(alice_client, q, limit=20, cursor=cursor)
            seen += [result["position"] for result in page["results"]]
            if not (cursor := page["next_cursor"]):
                break
            say(session, "common even, said meanwhile")
        assert [position for position in seen if position <= 150] == list(expected)
        Message.objects.filter(position__gt=150).delete()


def test_what_few_weeks_have_is_read_at_once(session: ChatSession, alice_client: APIClient) -> None:
    """Of many messages that have all words of a phrase, none of which has the phrase."""
    messages = say(session, *(["sky blue"] * 15))
    for message in messages:
        moment = timezone.now() - timedelta(days=30 * message.position)
        Message.objects.filter(pk=message.pk).update(created_at=moment)
    SearchEntry.objects.all().delete()
    ChatSession.objects.update(search_scheme="")
    housekeep()
    with CaptureQueriesContext(connection) as asked:
        assert found(alice_client, '"blue sky"') == []
    assert len([q for q in asked if "tool_result" in q["sql"]]) == 1
    assert len(found(alice_client, '"sky blue"')) == 15


def test_what_is_visible_comes_before_other_versions(session: ChatSession, alice_client: APIClient) -> None:
    hidden = {message.pk for message in say(session, *(f"needle {n}" for n in range(12)))[1::2]}
    ChatSession.objects.filter(pk=session.pk).update(is_tree=True, title="Of a needle")
    Message.objects.filter(pk__in=hidden).update(visible=False)
    alice_client.patch("/api/sessions/trip", {"title": "Of needles"})

    def walk(limit: int, **query: Any) -> list[tuple[bool, int | None]]:
        seen, cursor = [], ""
        while True:
            page = search(alice_client, "needle", limit=limit, cursor=cursor, **query)
            assert len(page["results"]) <= limit
            seen += [(result["visible"], result["position"]) for result in page["results"]]
            if not (cursor := page["next_cursor"]):
                return seen

    shown = [(True, None), *((True, position) for position in range(11, 0, -2))]
    others = [(False, position) for position in range(12, 0, -2)]
    for limit in (1, 3, 7, 12, 13, 100):
        assert walk(limit, versions="true") == shown + others
        assert walk(limit) == shown
    assert walk(4, versions="true", role="user", session_id="trip") == shown[1:] + others
    assert walk(4, versions="true", role="tool_call") == []


def test_a_result_is_jumped_to(session: ChatSession, alice_client: APIClient) -> None:
    say(session, *(f"number {n}" for n in range(1, 101)))

    def around(position: int, limit: int) -> tuple[list[int], bool]:
        page = alice_client.get(f"/api/sessions/trip/messages?around={position}&limit={limit}").json()
        return [message["position"] for message in page["messages"]], page["has_more"]

    assert around(50, 5) == ([48, 49, 50, 51, 52], True)
    assert around(50, 4) == ([49, 50, 51, 52], True)
    assert around(50, 1) == ([50], True)
    assert around(1, 5) == around(0, 5) == ([1, 2, 3, 4, 5], True)
    assert around(100, 5) == around(1000, 5) == ([96, 97, 98, 99, 100], True)
    assert around(50, 100) == (list(range(1, 101)), False)
    ChatSession.objects.update(last_used_at=timezone.now() - timedelta(days=100))
    assert sum(archive_unused(timezone.now() - timedelta(days=50))) == 1
    assert around(50, 5) == ([48, 49, 50, 51, 52], True)


def test_filters(session: ChatSession, alice: User, alice_client: APIClient) -> None:
    other, _ = ChatSession.objects.open(alice, public_id="other")
    say(session, "apple one")
    say(session, "apple two", role="assistant")
    middle = timezone.now().isoformat()
    say(other, "apple three")
    session.add_messages(
        [MessageDraft(role="tool_call", tool_name="read_file", tool_result="apple four " + "x " * 6000 + " pear")]
    )

    def numbers(**query: Any) -> set[str]:
        return {r["snippet"].split()[1] for r in search(alice_client, "apple", **query)["results"]}

    assert numbers() == {"one", "two", "three", "four"}
    assert numbers(session_id="trip") == numbers(session_id=str(session.pk)) == {"one", "two", "four"}
    assert numbers(role="assistant") == {"two"}
    assert numbers(role="tool_call") == {"four"}
    assert numbers(before=middle) == {"one", "two"}
    assert numbers(after=middle) == {"three", "four"}
    assert numbers(before=middle.replace("+00:00", "z").replace("T", "t")) == {"one", "two"}
    assert numbers(after="2016-12-31T23:59:60Z") == numbers()
    assert numbers(versions="true") == numbers()
    assert found(alice_client, "pear") == []  # past the bound of a tool's result


def test_titles_and_files_are_found_by_their_latest_name(
    session: ChatSession, alice_client: APIClient, settings: Any, tmp_path: Path
) -> None:
    files = {"BACKEND": "files_app.storage.LocalStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"files": files}
    alice_client.patch("/api/sessions/trip", {"title": "To Porto"})
    assert (found(alice_client, "lisbon"), found(alice_client, "porto")) == ([], ["Porto"])
    file = SimpleUploadedFile("timetable.txt", b"x")
    alice_client.post("/api/sessions/trip/files/upload", {"file": file}, format="multipart")
    (result,) = search(alice_client, "timet")["results"]
    assert (result["kind"], result["snippet"], result["role"]) == ("file", "timetable.txt", None)
    alice_client.delete("/api/sessions/trip/files/timetable.txt")
    assert found(alice_client, "timetable") == []


def test_what_is_deleted_or_cleared_is_found_no_more(session: ChatSession, alice_client: APIClient) -> None:
    say(session, "needle")
    alice_client.delete("/api/sessions/trip")
    assert found(alice_client, "needle") == []
    alice_client.post("/api/sessions/trip/restore")
    assert found(alice_client, "needle") == ["needle"]
    alice_client.post("/api/sessions/trip/clear")
    assert (found(alice_client, "needle"), found(alice_client, "lisbon")) == ([], ["Lisbon"])
    say(session, "needle")
    alice_client.delete("/api/sessions/trip?permanent=true")
    assert not SearchEntry.objects.exists()
    assert index_rows("needle") == 0


@pytest.mark.only("sqlite", reason="PostgreSQL's vacuum does that")
def test_no_word_of_what_is_deleted_stays_in_the_index(
    session: ChatSession, alice: User, alice_client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleted, "PAGES_AT_ONCE", 4)
    other, third = (ChatSession.objects.open(alice, public_id=name, title="")[0] for name in ("other", "third"))
    say(session, "quixotically said")
    for _ in range(3):
        say(other, " ".join(f"number{n}" for n in range(4000)))
    housekeep()
    alice_client.delete("/api/sessions/trip?permanent=true")
    say(third, "taken xylophonically back")
    alice_client.post("/api/sessions/third/clear")
    pages = partial(pages_of_index, index="sessions_app_search")
    assert pages("ixotically") and pages("lophonically")
    steps = list(forget_deleted_words())
    assert not pages("ixotically") and not pages("lophonically")
    assert len(steps) > 2 and sum(steps) == 3  # of a few pages each; two messages and a title
    assert list(forget_deleted_words()) == []
    assert (index_rows("number2999"), len(found(alice_client, "number2999"))) == (3, 3)

    say(other, "one more")
    assert list(forget_deleted_words()) == []  # nothing was deleted
    alice_client.patch("/api/sessions/other", {"title": "Zweckentfremdung"})
    alice_client.patch("/api/sessions/other", {"title": "To Lisbon"})
    assert "deleted-words: 1 in" in housekeep()
    assert not pages("weckentfremdung")


def test_an_archived_session_is_found(session: ChatSession, alice_client: APIClient) -> None:
    say(session, *(f"needle {n}" for n in range(30)))
    before = search(alice_client, "needle 7")
    ChatSession.objects.update(last_used_at=timezone.now() - timedelta(days=100))
    assert sum(archive_unused(timezone.now() - timedelta(days=50))) == 1
    assert not Message.objects.exists()
    assert search(alice_client, "needle 7") == before
    assert found(alice_client, "needle 7") == ["needle 7"]


def test_what_older_versions_wrote_is_indexed_afterwards(session: ChatSession, alice_client: APIClient) -> None:
    say(session, *(f"old words {n}" for n in range(450)))
    SearchEntry.objects.all().delete()
    ChatSession.objects.update(search_scheme="")
    say(session, "new words")
    assert len(found(alice_client, "words", limit=100)) == 1
    housekeep()
    assert SearchEntry.objects.count() == 452
    assert found(alice_client, "lisbon") == ["Lisbon"]
    assert "search: 0 in" in housekeep()


def test_an_answer_is_found_when_it_has_ended_and_as_it_ended(session: ChatSession, alice_client: APIClient) -> None:
    (answer,) = say(session, "", role="assistant", status="pending")
    call = MessageDraft(role="tool_call", status="pending", tool_name="read_file")
    (pending,) = session.add_messages([call])
    assert not SearchEntry.objects.exclude(kind="title").exists()
    Message.objects.get(pk=answer.pk).complete("half an answer", status="interrupted", partial=True)
    Message.objects.get(pk=pending.pk).finish_tool("a long list", True)
    assert (found(alice_client, "half answer"), found(alice_client, "list")) == (["half answer"], ["list"])
    Message.objects.filter(pk=answer.pk).update(status="pending")
    Message.objects.get(pk=answer.pk).complete("a whole answer")
    assert (found(alice_client, "whole answer"), found(alice_client, "half")) == (["whole answer"], [])
    assert (index_rows("half"), index_rows("whole")) == (0, 1)


def test_a_message_costs_one_statement_more(session: ChatSession) -> None:
    with CaptureQueriesContext(connection) as statements:
        say(session, "one", "two", "three")
    assert len([q for q in statements if "sessions_app_searchentry" in q["sql"]]) == 1


OF_OTHERS = """
INSERT INTO sessions_app_searchentry (session_id, owner_id, kind, ref, position, role, name, created_at, scheme, terms)
SELECT session_id, gen_random_uuid(), kind, gen_random_uuid(), position, role, name, created_at, scheme,
  array_to_tsvector(ARRAY['one' || n, 'of' || n / 50])
FROM sessions_app_searchentry, generate_series(1, %s) n WHERE ref = %s
"""


MOST_PAGES = 16  # of the index, and of the 64 kB that wait to be sorted into it


@pytest.mark.only("postgres")
def test_a_rare_word_costs_a_look_into_the_index(session: ChatSession, alice_client: APIClient) -> None:
    """In each of many weeks the planner expects it so often that to read all accounts' rows seems to be less."""
    first, _ = say(session, "Shall we take the night train?", "Or the bus?")
    SearchEntry.objects.filter(ref=first.pk).update(created_at=timezone.now() - timedelta(days=700))
    with connection.cursor() as cursor:
        cursor.execute(OF_OTHERS, [20_000, first.pk])
        cursor.execute("ANALYZE sessions_app_searchentry; SELECT gin_clean_pending_list('search_terms')")
        cursor.execute(OF_OTHERS, [9_000, first.pk])
        with CaptureQueriesContext(connection) as asked:
            assert found(alice_client, "nowhere") == []
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {asked[-1]['sql']}")
        plan = list(nodes(cursor.fetchone()[0][0]["Plan"]))
    assert "Seq Scan" not in {node["Node Type"] for node in plan}
    (look,) = (node for node in plan if node.get("Index Name") == "search_terms")
    assert look["Shared Hit Blocks"] + look["Shared Read Blocks"] <= MOST_PAGES * look["Actual Loops"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


@pytest.fixture
def key(settings: Any) -> str:
    key = Fernet.generate_key().decode()
    settings.MESSAGE_ENCRYPTION_KEYS = [key]
    return key


def test_encrypted_messages_are_not_indexed_by_default(key: str, session: ChatSession, alice_client: APIClient) -> None:
    say(session, "secret words")
    assert not SearchEntry.objects.exists()
    refused(alice_client.get("/api/search?q=secret"), 403, "search_off")


def test_encrypted_messages_can_be_found_by_hashes_of_words(
    settings: Any, key: str, session: ChatSession, alice_client: APIClient
) -> None:
    settings.SEARCH_ENCRYPTED = "hashed"
    alice_client.patch("/api/sessions/trip", {"title": "To Lisbon"})
    say(session, "secret words, 東京タワー")
    for word in ("secret", "lisbon", "東京"):
        assert index_rows(word) == 0
    assert found(alice_client, "words secret") == ["secret words"]
    assert found(alice_client, '"secret words" -other') == ["secret words"]
    assert (found(alice_client, "京タ"), found(alice_client, "京")) == (["京タ"], ["京"])
    assert found(alice_client, "lisbon") == ["Lisbon"]
    assert found(alice_client, "secre") == []  # no beginnings

    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), key]
    assert found(alice_client, "secret") == []
    housekeep()
    assert found(alice_client, "secret") == ["secret"]
    settings.SEARCH_ENCRYPTED = "off"
    housekeep()
    assert not SearchEntry.objects.exists()


def test_plain_words_go_when_encryption_comes(settings: Any, session: ChatSession, alice_client: APIClient) -> None:
    say(session, "secret words")
    assert index_rows("secret") == 1
    settings.MESSAGE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    settings.SEARCH_ENCRYPTED = "hashed"
    housekeep()
    assert index_rows("secret") == 0
    assert found(alice_client, "secret") == ["secret"]
    assert all(name == "" or name.startswith(MARK) for name in SearchEntry.objects.values_list("name", flat=True))
