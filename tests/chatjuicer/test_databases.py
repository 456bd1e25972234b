"""What the databases' own libraries do at each statement, and need not."""

import pytest
from django.db import connection
from psycopg import _queries

from chatjuicer.sqlite import base


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
        before = _queries._query2pg_client.cache_info()
        with connection.cursor() as cursor:
            cursor.execute(statement, [1] * 200)
            assert cursor.fetchone() == (200,)
        now = _queries._query2pg_client.cache_info()
        assert (now.misses - before.misses, now.hits - before.hits) == ((1, 0) if round_ == 0 else (0, 1))
