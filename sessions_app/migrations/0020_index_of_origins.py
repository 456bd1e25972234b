from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("sessions_app", "0019_origin_of_sessions")]

    operations = [
        AddIndexConcurrently(
            "chatsession",
            models.Index(fields=["owner", "origin"], condition=~models.Q(origin=""), name="session_origin"),
        ),
    ]
