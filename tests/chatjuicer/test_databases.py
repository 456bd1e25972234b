"""What the databases' own libraries do at each statement, and need not."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, cast

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from psycopg import _queries

from chatjuicer.sqlite import base
from sessions_app.models.statements import array_of, repeating, rows_of, rows_of_second


@pytest.mark.only("sqlite", reason="its own backend")
@pytest.mark.django_db
def test_a_statement_is_rewritten_once_and_means_the_same() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, '%%s', 'a%%', %s", ["50%s", 7])
        assert cursor.fetchone() == ("50%s", "%s", "a%", 7)
        hits = base._with_question_marks.cache_info().hits
        cursor.execute("SELECT %s, '%%s', 'a%%', %s", ["?", None])
        assert cursor.fetchone() == ("?", "%s", "a%", None)
        assert base._with_question_marks.cache_info().hits == hits + 1
        cursor.execute("SELECT %(one)s, %(two)s", {"one": 1, "two": "%"})
        assert cursor.fetchone() == (1, "%")
        cursor.execute("SELECT '%s'")
        assert cursor.fetchone() == ("%s",)


@pytest.mark.only("sqlite", reason="its own backend")
@pytest.mark.django_db
def test_statements_of_many_rows_are_not_kept() -> None:
    places = 8_000
    kept = base._with_question_marks.cache_info().currsize
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM json_each('[]') WHERE value IN ({', '.join(['%s'] * places)})", range(places)
        )
    assert base._with_question_marks.cache_info().currsize == kept


@pytest.mark.only("postgres", reason="its own driver")
@pytest.mark.django_db
def test_a_statement_with_the_places_of_a_run_s_start_is_taken_apart_once() -> None:
    statement = f"SELECT {' + '.join(['%s::int'] * 200)}"
    for round_ in range(2):
        before = _queries._query2pg.cache_info()
        assert rows_of(statement, [1] * 200) == [(200,)]
        now = _queries._query2pg.cache_info()
        assert (now.misses - before.misses, now.hits - before.hits) == ((1, 0) if round_ == 0 else (0, 1))


@pytest.fixture
def prepared(transactional_db: None) -> Iterator[Any]:
    """How many statements PostgreSQL keeps of the connection; a table that belongs to the test."""
    start_anew()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE numbers (n int, said text)")
        cursor.execute("INSERT INTO numbers VALUES (1, 'one')")

    def kept() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            return int(cursor.fetchall()[0][0])

    yield kept
    start_anew()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE numbers")


def start_anew() -> None:
    connection.close()
    cast(Any, connection).close_pool()


SAID = "SELECT n, said FROM numbers WHERE said = %s"


@pytest.mark.only("postgres", reason="it plans what is asked")
def test_what_is_asked_again_is_planned_once_and_nothing_is_kept_of_what_people_say(prepared: Any) -> None:
    for _ in range(4):
        assert rows_of(SAID, ["one"]) == [(1, "one")]
        assert rows_of(SAID, ["two"]) == []
        with connection.cursor() as cursor:
            cursor.execute(SAID, ["a secret"])
    assert prepared() == 1
    texts = [text for text, _ in connection.connection._prepared._counts]
    assert not any(b"a secret" in text for text in texts)


@pytest.mark.only("postgres", reason="it plans what is asked")
def test_nothing_is_prepared_behind_a_pooler(prepared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(connection.connection, "is_direct")
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 1)  # as one says it
    connection.init_connection_state()
    for _ in range(4):
        assert rows_of(SAID, ["one"]) == [(1, "one")]
    assert prepared() == 0


@pytest.mark.only("postgres", reason="it plans what is asked")
@pytest.mark.parametrize("change", ["ALTER TABLE numbers ALTER COLUMN n TYPE text", "DEALLOCATE ALL"])
def test_what_is_outdated_is_prepared_anew_by_the_next_connection(prepared: Any, change: str) -> None:
    for _ in range(4):
        rows_of(SAID, ["one"])
    assert prepared() == 1
    with connection.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(OperationalError):
        rows_of(SAID, ["one"])
    connection.close()
    ((n, said),) = rows_of(SAID, ["one"])
    assert (str(n), said) == ("1", "one")


@pytest.mark.only("postgres", reason="it is asked two things at once")
def test_of_two_that_are_asked_at_once_the_second_sees_what_the_first_has_waited_for(prepared: Any) -> None:
    lock = "SELECT 1 FROM numbers WHERE n = %s FOR UPDATE"
    for _ in range(4):
        with transaction.atomic():
            assert rows_of_second((lock, [1]), (SAID, ["one"])) == [(1, "one")]
    other = connection.copy()
    with closing(other), other.cursor() as locking:
        locking.execute("BEGIN; UPDATE numbers SET said = 'two'")
        with pytest.raises(OperationalError), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = 50")
            rows_of_second((lock, [1]), (SAID, ["one"]))
    with transaction.atomic():
        assert rows_of_second((lock, [1]), (SAID, ["one"])) == [(1, "one")]


@pytest.mark.only("postgres", reason="its own arrays")
@pytest.mark.django_db
def test_texts_of_all_kinds_are_elements_of_an_array() -> None:
    texts = ["", "NULL", "null", '"', "\\", '\\"', "{", "a,b", " ", "\n", "'", "😀", None]
    with repeating() as cursor:
        cursor.execute("SELECT * FROM unnest(%s::text[])", [array_of(texts)])
        assert [text for (text,) in cursor.fetchall()] == texts
