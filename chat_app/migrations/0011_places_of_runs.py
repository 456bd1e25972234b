from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat_app", "0010_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="below",
            field=models.UUIDField(
                blank=True,
                help_text="Message in whose branches it begins one: by its answer, or by its words.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="continues",
            field=models.UUIDField(blank=True, help_text="Message in which an answer goes on.", null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="first_run",
            field=models.UUIDField(blank=True, help_text="The run whose words it answers; empty: this one.", null=True),
        ),
    ]
