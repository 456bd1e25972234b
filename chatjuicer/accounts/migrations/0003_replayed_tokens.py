import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_idempotency_text")]

    operations = [
        migrations.AddField(
            "tokenfamily", "user_agent", models.CharField(blank=True, db_default="", default="", max_length=256)
        ),
        migrations.AddField(
            "tokenfamily", "address", models.CharField(blank=True, db_default="", default="", max_length=64)
        ),
        migrations.AddField(
            "tokenfamily",
            "last_used_at",
            models.DateTimeField(db_default=Now(), default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            "tokenfamily", "created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)
        ),
        migrations.CreateModel(
            "SpentToken",
            [
                ("jti", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("user_agent", models.CharField(blank=True, max_length=256)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("spent_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "family",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="spent_tokens",
                        to="accounts.tokenfamily",
                    ),
                ),
            ],
        ),
        # Their columns stay: while one process after another is replaced, those of the version before write them.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField("tokenfamily", "spent_at"),
                migrations.RemoveField("tokenfamily", "spent_jti"),
                migrations.RemoveField("wsticket", "credentials_expire_at"),
            ],
        ),
    ]
