from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0026_agents_and_prompts"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="usual_effort",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="usual_model",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
