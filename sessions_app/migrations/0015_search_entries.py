import django.db.models.deletion
from django.db import migrations, models

import chatjuicer.encryption
import sessions_app.models.search_entry

# FTS5 keeps no text of its own: it reads that of the entries. Whoever makes that table anew has to make these anew, too.
SQLITE = (
    """CREATE VIRTUAL TABLE sessions_app_search USING fts5(
        terms, content='sessions_app_searchentry', content_rowid='id', detail='none', columnsize=0, tokenize='ascii')""",
    """CREATE TRIGGER sessions_app_search_add AFTER INSERT ON sessions_app_searchentry BEGIN
        INSERT INTO sessions_app_search(rowid, terms) VALUES (new.id, new.terms); END""",
    """CREATE TRIGGER sessions_app_search_take AFTER DELETE ON sessions_app_searchentry BEGIN
        INSERT INTO sessions_app_search(sessions_app_search, rowid, terms) VALUES ('delete', old.id, old.terms); END""",
    """CREATE TRIGGER sessions_app_search_change AFTER UPDATE OF terms ON sessions_app_searchentry BEGIN
        INSERT INTO sessions_app_search(sessions_app_search, rowid, terms) VALUES ('delete', old.id, old.terms);
        INSERT INTO sessions_app_search(rowid, terms) VALUES (new.id, new.terms); END""",
)
# The terms stand beside the rows, so that these are read quickly by time.
POSTGRESQL = (
    "ALTER TABLE sessions_app_searchentry SET (toast_tuple_target = 128)",
    "CREATE INDEX search_terms ON sessions_app_searchentry USING gin (terms) WITH (gin_pending_list_limit = 512)",
)


def make_index(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE sessions_app_search")


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0014_trash_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="search_scheme",
            field=models.CharField(
                db_default="",
                default="",
                editable=False,
                help_text="of its search entries; empty: none were made",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("owner_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("message", "Message"), ("title", "Title"), ("file", "File")],
                        default="message",
                        max_length=8,
                    ),
                ),
                (
                    "ref",
                    models.UUIDField(
                        help_text="of the message, the session that has the title, or the file", unique=True
                    ),
                ),
                ("position", models.PositiveIntegerField(help_text="of the message", null=True)),
                ("role", models.CharField(blank=True, default="", help_text="of the message", max_length=16)),
                (
                    "name",
                    chatjuicer.encryption.EncryptedTextField(blank=True, default="", help_text="of the file"),
                ),
                ("created_at", models.DateTimeField()),
                ("scheme", models.CharField(help_text="how the terms are kept", max_length=16)),
                ("terms", sessions_app.models.search_entry.TermsField()),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="search_entries",
                        to="sessions_app.chatsession",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "search entries",
                "indexes": [models.Index(fields=["owner_id", "-created_at"], name="search_by_time")],
            },
        ),
        migrations.RunPython(make_index, drop_index),
    ]
