"""The full-text indexes as the database has them, whatever the rows beside them say."""

from django.db import connection


def rows_of_index(word: str, index: str, table: str) -> int:
    """How many rows the database's own index has for a term that ends in the word. `index` is SQLite's, and whole;
    `table` is what it is of."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"INSERT INTO {index}({index}) VALUES ('integrity-check')")
            cursor.execute(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {index}, row)")
            cursor.execute("SELECT coalesce(sum(doc), 0) FROM temp.vocabulary WHERE term LIKE %s", [f"%{word}"])
            rows = int(cursor.fetchone()[0])
            cursor.execute("DROP TABLE temp.vocabulary")
            return rows
        cursor.execute(f"SELECT count(*) FROM {table} WHERE terms::text LIKE %s", [f"%{word}%"])
        return int(cursor.fetchone()[0])


def pages_of_index(word: str, index: str) -> int:
    """How many pages of SQLite's index hold the word, deleted or not."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {index}_data WHERE instr(block, CAST(%s AS BLOB))", [word])
        return int(cursor.fetchone()[0])
