from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("files_app", "0003_passages"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="file",
            index=models.Index(fields=["indexed_as"], name="file_indexed_as"),
        ),
    ]
