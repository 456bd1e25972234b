import django.db.models.deletion
from django.db import migrations, models

import chatjuicer.encryption
import sessions_app.models.search_entry

# FTS5 keeps no text of its own: it reads that of the passages. Whoever makes that table anew has to make these anew, too.
SQLITE = (
    """CREATE VIRTUAL TABLE files_app_passages USING fts5(
        terms, content='files_app_passage', content_rowid='id', detail='none', columnsize=0, tokenize='ascii')""",
    """CREATE TRIGGER files_app_passages_add AFTER INSERT ON files_app_passage BEGIN
        INSERT INTO files_app_passages(rowid, terms) VALUES (new.id, new.terms); END""",
    """CREATE TRIGGER files_app_passages_take AFTER DELETE ON files_app_passage BEGIN
        INSERT INTO files_app_passages(files_app_passages, rowid, terms) VALUES ('delete', old.id, old.terms); END""",
    """CREATE TRIGGER files_app_passages_change AFTER UPDATE OF terms ON files_app_passage BEGIN
        INSERT INTO files_app_passages(files_app_passages, rowid, terms) VALUES ('delete', old.id, old.terms);
        INSERT INTO files_app_passages(rowid, terms) VALUES (new.id, new.terms); END""",
)
POSTGRESQL = ("CREATE INDEX passage_terms ON files_app_passage USING gin (terms) WITH (gin_pending_list_limit = 512)",)


def make_index(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TABLE files_app_passages")


class Migration(migrations.Migration):
    dependencies = [
        ("files_app", "0002_deleted_bytes"),
        ("sessions_app", "0025_index_of_messages_out_of_view"),
    ]

    operations = [
        migrations.AddField(
            model_name="file",
            name="indexed_as",
            field=models.CharField(
                db_default="",
                default="",
                editable=False,
                help_text="how the terms of its passages are kept; empty: they were not made yet",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="file",
            name="unreadable",
            field=models.CharField(
                db_default="", default="", editable=False, help_text="why it has no passages", max_length=16
            ),
        ),
        migrations.CreateModel(
            name="Passage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("storage_key", models.CharField(help_text="of the bytes that it was read from", max_length=64)),
                ("page", models.PositiveIntegerField(help_text="from 1; null where the format has none", null=True)),
                ("start", models.PositiveIntegerField(help_text="in the text of the file, in code points")),
                ("end", models.PositiveIntegerField()),
                ("text", chatjuicer.encryption.EncryptedTextField()),
                ("terms", sessions_app.models.search_entry.TermsField()),
                (
                    "session",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="passages",
                        to="sessions_app.chatsession",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="passages",
                        to="files_app.file",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("file", "start"), name="one_passage_per_beginning"),
                ],
            },
        ),
        migrations.RunPython(make_index, drop_index),
    ]
