from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sessions_app", "0015_search_entries"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="chatsession",
            index=models.Index(fields=["search_scheme"], name="session_search_scheme"),
        ),
    ]
