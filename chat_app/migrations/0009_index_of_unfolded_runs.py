from django.db import migrations, models

from chatjuicer.concurrent_indexes import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat_app", "0008_state_of_sessions")]

    operations = [
        AddIndexConcurrently(
            model_name="run",
            index=models.Index(condition=models.Q(folded=False), fields=["ended_at"], name="run_unfolded"),
        ),
    ]
