import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import chatjuicer.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0025_index_of_messages_out_of_view"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "letter",
                    models.CharField(blank=True, default="", help_text="its picture: a character", max_length=8),
                ),
                ("description", chatjuicer.encryption.EncryptedTextField(blank=True, default="", max_length=2000)),
                (
                    "instructions",
                    chatjuicer.encryption.EncryptedTextField(
                        blank=True,
                        default="",
                        help_text="given to the model; of an agent for all, everybody can read them",
                        max_length=32000,
                    ),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="of sessions for which nobody chose one; empty: as without it",
                        max_length=128,
                    ),
                ),
                ("reasoning_effort", models.CharField(blank=True, default="", help_text="as the model", max_length=16)),
                (
                    "tools",
                    models.JSONField(
                        blank=True,
                        default=None,
                        help_text="names of the server's tools that it has; empty: all",
                        null=True,
                    ),
                ),
                (
                    "mcp_servers",
                    models.JSONField(
                        blank=True,
                        default=None,
                        help_text="keys of the MCP servers that it has; empty: the session's",
                        null=True,
                    ),
                ),
                (
                    "hand_offs",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="names of the agents to whom it may hand a conversation over",
                    ),
                ),
                (
                    "opening_lines",
                    chatjuicer.encryption.EncryptedTextField(
                        blank=True,
                        default="",
                        help_text="what a person may begin with, one on each line",
                        max_length=4008,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="whose it is; empty: for all",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="one_agent_per_name"),
                    models.UniqueConstraint(
                        condition=models.Q(("owner", None)), fields=("name",), name="one_agent_for_all_per_name"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Prompt",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "text",
                    chatjuicer.encryption.EncryptedTextField(
                        help_text="with variables, such as {{customer}}", max_length=16000
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        help_text="whose it is; empty: for all",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="%(class)ss",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="one_prompt_per_name"),
                    models.UniqueConstraint(
                        condition=models.Q(("owner", None)), fields=("name",), name="one_prompt_for_all_per_name"
                    ),
                ],
            },
        ),
    ]
