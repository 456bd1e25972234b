from django.db import migrations
from django.db.models import F


def take_names_out(apps, schema_editor):
    """Titles of sessions and names of projects, which Django's own log of the admin kept as they were called then."""
    entries = apps.get_model("admin", "LogEntry").objects.using(schema_editor.connection.alias)
    about = entries.filter(content_type__app_label="sessions_app", content_type__model__in=("chatsession", "project"))
    about.exclude(object_id=None).update(object_repr=F("object_id"))


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0103_short_pending_list"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.RunPython(take_names_out, migrations.RunPython.noop),
    ]
