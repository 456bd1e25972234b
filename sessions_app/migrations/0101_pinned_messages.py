from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0100_mcp_servers"),
    ]

    operations = [
        migrations.AddField(
            model_name="compaction",
            name="pinned",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="positions up to both of these, of which the model is given all; they only become more",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="pinned",
            field=models.BooleanField(db_default=False, default=False, help_text="the model is always given all of it"),
        ),
    ]
