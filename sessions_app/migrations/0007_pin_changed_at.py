from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0006_packed_history"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="pin_changed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
