from typing import Any

from django.db import migrations, models


def leave_packed_sessions(apps: Any, schema_editor: Any) -> None:
    """Their events are no rows; a session that comes back has its runs folded then."""
    apps.get_model("chat_app", "Run").objects.filter(session__packed=True).update(folded=True)


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0005_where_an_answer_begins_again"),
        ("sessions_app", "0008_public_id"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="folded_from",
            field=models.PositiveBigIntegerField(help_text="First number of many that this row stands for.", null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="folded",
            field=models.BooleanField(db_default=False, default=False, help_text="Its deltas are few rows."),
        ),
        migrations.RunPython(leave_packed_sessions, migrations.RunPython.noop, elidable=True),
    ]
