from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sessions_app", "0101_pinned_messages"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(condition=models.Q(("pinned", True)), fields=["session"], name="message_pinned"),
        ),
    ]
