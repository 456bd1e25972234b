import django.db.models.deletion
from django.db import migrations, models

# SQLite changes a table by making it anew, which takes away its triggers (0003_passages).
TRIGGERS = (
    """CREATE TRIGGER IF NOT EXISTS files_app_passages_add AFTER INSERT ON files_app_passage BEGIN
        INSERT INTO files_app_passages(rowid, terms) VALUES (new.id, new.terms); END""",
    """CREATE TRIGGER IF NOT EXISTS files_app_passages_take AFTER DELETE ON files_app_passage BEGIN
        INSERT INTO files_app_passages(files_app_passages, rowid, terms) VALUES ('delete', old.id, old.terms); END""",
    """CREATE TRIGGER IF NOT EXISTS files_app_passages_change AFTER UPDATE OF terms ON files_app_passage BEGIN
        INSERT INTO files_app_passages(files_app_passages, rowid, terms) VALUES ('delete', old.id, old.terms);
        INSERT INTO files_app_passages(rowid, terms) VALUES (new.id, new.terms); END""",
)


def make_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for statement in TRIGGERS:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("files_app", "0030_exports"),
        ("sessions_app", "0040_bytes_of_messages"),
    ]

    operations = [
        # Backwards they are made last, after the table.
        migrations.RunPython(migrations.RunPython.noop, make_triggers),
        migrations.AlterField(
            model_name="file",
            name="folder",
            field=models.CharField(
                choices=[("sources", "Sources"), ("output", "Output"), ("agent", "Agent")], max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="upload",
            name="folder",
            field=models.CharField(
                choices=[("sources", "Sources"), ("output", "Output"), ("agent", "Agent")], max_length=8
            ),
        ),
        migrations.AlterField(
            model_name="storedbytes",
            name="session_id",
            field=models.UUIDField(db_index=True, help_text="of the session or agent whose file it is"),
        ),
        migrations.AlterField(
            model_name="file",
            name="session",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="files",
                to="sessions_app.chatsession",
            ),
        ),
        migrations.AddField(
            model_name="file",
            name="agent",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="files",
                to="sessions_app.agent",
            ),
        ),
        migrations.AddConstraint(
            model_name="file",
            constraint=models.UniqueConstraint(
                condition=models.Q(("agent__isnull", False)),
                fields=("agent", "name"),
                name="one_file_per_name_of_agent",
            ),
        ),
        migrations.AlterField(
            model_name="upload",
            name="session",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="uploads",
                to="sessions_app.chatsession",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="agent",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="uploads",
                to="sessions_app.agent",
            ),
        ),
        migrations.AlterField(
            model_name="passage",
            name="session",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="passages",
                to="sessions_app.chatsession",
            ),
        ),
        migrations.AddField(
            model_name="passage",
            name="agent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="passages",
                to="sessions_app.agent",
            ),
        ),
        migrations.RunPython(make_triggers, migrations.RunPython.noop),
    ]
