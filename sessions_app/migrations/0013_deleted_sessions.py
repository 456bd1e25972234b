from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0012_projects"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="deleted_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="in the trash since then", null=True),
        ),
    ]
