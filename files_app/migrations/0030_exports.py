import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import chatjuicer.encryption
import files_app.models.export
import files_app.sealed


class Migration(migrations.Migration):
    dependencies = [
        ("files_app", "0005_index_of_contents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("making", "Making"), ("ready", "Ready"), ("failed", "Failed")],
                        default="making",
                        max_length=8,
                    ),
                ),
                (
                    "alive_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="when the process that makes it last said so",
                    ),
                ),
                ("size_bytes", models.BigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                (
                    "key",
                    chatjuicer.encryption.EncryptedTextField(
                        default=files_app.sealed.new_key, help_text="by which its bytes are encrypted"
                    ),
                ),
                ("storage_key", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("modified_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField(db_index=True, default=files_app.models.export.expiry)),
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="export",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
