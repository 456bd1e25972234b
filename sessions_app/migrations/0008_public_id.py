from django.db import migrations, models


class Migration(migrations.Migration):
    """The code's name of what the wire and the column call `session_id`; the tables stay as they are."""

    dependencies = [("sessions_app", "0007_pin_changed_at")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("chatsession", "session_id", "public_id"),
                migrations.AlterField(
                    "chatsession", "public_id", models.CharField(db_column="session_id", max_length=64)
                ),
                migrations.RemoveConstraint("chatsession", "one_session_per_name"),
                migrations.AddConstraint(
                    "chatsession",
                    models.UniqueConstraint(fields=["owner", "namespace", "public_id"], name="one_session_per_name"),
                ),
                migrations.RemoveIndex("chatsession", "session_name"),
                migrations.AddIndex("chatsession", models.Index(fields=["public_id"], name="session_name")),
            ]
        ),
    ]
