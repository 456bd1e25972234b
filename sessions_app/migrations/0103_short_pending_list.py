from django.db import migrations

# What was written last waits in a list, and each search reads all of it once for each week that it looks at: half a
# megabyte cost a rare word more than the index itself. 64 kB is the least that PostgreSQL takes.
SET = "ALTER INDEX search_terms SET (gin_pending_list_limit = {kilobytes})"


def shorten(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(SET.format(kilobytes=64))


def lengthen(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(SET.format(kilobytes=512))


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0102_index_of_pinned_messages"),
    ]

    operations = [
        migrations.RunPython(shorten, lengthen),
    ]
