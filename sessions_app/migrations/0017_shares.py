import django.db.models.deletion
from django.db import migrations, models

import chatjuicer.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0016_search_scheme_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="Share",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="shared_page",
                        serialize=False,
                        to="sessions_app.chatsession",
                    ),
                ),
                ("token", chatjuicer.encryption.EncryptedTextField(help_text="of the address")),
                (
                    "digest",
                    models.CharField(help_text="of the token, by which it is found", max_length=64, unique=True),
                ),
                ("title", chatjuicer.encryption.EncryptedTextField(blank=True, default="")),
                ("content", chatjuicer.encryption.EncryptedTextField(help_text="compressed HTML of the messages")),
                ("shared_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("expires_at__isnull", False)), fields=["expires_at"], name="share_expiry"
                    )
                ],
            },
        ),
    ]
