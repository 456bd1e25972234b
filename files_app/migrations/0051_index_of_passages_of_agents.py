from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("files_app", "0050_files_of_agents"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="passage",
            index=models.Index(condition=models.Q(("agent__isnull", False)), fields=["agent"], name="passage_of_agent"),
        ),
    ]
