import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import chatjuicer.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0011_reasoning_and_error_of_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="dialect",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="of plain sockets: the API version that last made or loaded it by its public_id; empty: /api",
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", chatjuicer.encryption.EncryptedTextField(max_length=255)),
                (
                    "description",
                    chatjuicer.encryption.EncryptedTextField(blank=True, db_default="", default="", max_length=2000),
                ),
                (
                    "instructions",
                    chatjuicer.encryption.EncryptedTextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="given to the model in every session of the project",
                        max_length=32000,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="projects",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="chatsession",
            name="project",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="sessions",
                to="sessions_app.project",
            ),
        ),
        migrations.AddIndex(
            model_name="project",
            index=models.Index(fields=["owner", "-updated_at", "-id"], name="project_list"),
        ),
    ]
