import django.db.models.deletion
from django.db import migrations, models

# A vector goes with its entry, whoever deletes that, versions that know no vectors included. Whoever makes the table of
# entries anew on SQLite has to make this anew, too.
STATEMENTS = {
    "sqlite": (
        "CREATE TRIGGER chat_app_vector_take AFTER DELETE ON sessions_app_searchentry BEGIN "
        "DELETE FROM chat_app_messagevector WHERE entry_id = old.id; END"
    ),
    "postgresql": (
        "ALTER TABLE chat_app_messagevector ADD CONSTRAINT vector_of_entry FOREIGN KEY (entry_id) "
        "REFERENCES sessions_app_searchentry (id) ON DELETE CASCADE"
    ),
}


def tie(apps, schema_editor):
    schema_editor.execute(STATEMENTS[schema_editor.connection.vendor])


def untie(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER chat_app_vector_take")


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0052_usage_for_all"),
        ("sessions_app", "0100_mcp_servers"),
    ]

    operations = [
        migrations.CreateModel(
            name="VectorMark",
            fields=[
                (
                    "model",
                    models.CharField(
                        help_text="as EMBEDDINGS named it", max_length=128, primary_key=True, serialize=False
                    ),
                ),
                (
                    "upto",
                    models.BigIntegerField(
                        help_text="entries of the search index with no higher key have their vectors"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="MessageVector",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="sessions_app.searchentry",
                    ),
                ),
                ("model", models.CharField(help_text="as EMBEDDINGS named it", max_length=128)),
                ("signs", models.BinaryField()),
                ("numbers", models.BinaryField()),
            ],
        ),
        migrations.RunPython(tie, untie),
    ]
