from typing import Any

from django.db import migrations


def note_states(apps: Any, schema_editor: Any) -> None:
    """Of the sessions in which something was going on at the update; a run that is active counts before one that waits."""
    runs, sessions = apps.get_model("chat_app", "Run").objects, apps.get_model("sessions_app", "ChatSession").objects
    for status in ("queued", "awaiting_approval", "running"):
        live = runs.filter(status=status).values("session")
        sessions.filter(pk__in=live).update(state=status)


class Migration(migrations.Migration):
    dependencies = [("chat_app", "0007_command_hash_and_unheard"), ("sessions_app", "0010_session_state")]

    operations = [migrations.RunPython(note_states, migrations.RunPython.noop)]
