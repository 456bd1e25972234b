from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0020_index_of_origins"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="clearing",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Its history is going in several transactions.",
            ),
        ),
    ]
