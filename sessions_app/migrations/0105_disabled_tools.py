from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0104_log_of_the_admin_without_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="disabled_tools",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="names of tools that the model is not given here",
            ),
        ),
    ]
