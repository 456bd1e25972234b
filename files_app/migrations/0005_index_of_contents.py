from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("files_app", "0004_index_of_unread_files"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="file",
            index=models.Index(fields=["sha256"], name="file_by_content"),
        ),
    ]
