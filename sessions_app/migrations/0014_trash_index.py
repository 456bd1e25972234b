from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sessions_app", "0013_deleted_sessions"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="chatsession",
            index=models.Index(
                fields=["owner", "-deleted_at"], condition=models.Q(deleted_at__isnull=False), name="session_trash"
            ),
        ),
    ]
