import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import chatjuicer.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0040_bytes_of_messages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="McpServer",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=32)),
                ("url", chatjuicer.encryption.EncryptedTextField(help_text="which may hold a secret")),
                (
                    "sealed_headers",
                    models.TextField(blank=True, default="", help_text="that each request carries, sealed JSON"),
                ),
                (
                    "always_asks",
                    models.BooleanField(default=False, help_text="each call of its tools waits for the person"),
                ),
                ("in_new_chats", models.BooleanField(default=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("connected", "Connected"),
                            ("needs_authorization", "Needs Authorization"),
                            ("failed", "Failed"),
                        ],
                        default="new",
                        max_length=20,
                    ),
                ),
                (
                    "error",
                    models.CharField(blank=True, default="", help_text="why it could not be connected", max_length=32),
                ),
                (
                    "sealed_grant",
                    models.TextField(blank=True, default="", help_text="what an authorization server has given"),
                ),
                ("grant_expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "renewing_until",
                    models.DateTimeField(editable=False, help_text="a process renews the grant until then", null=True),
                ),
                (
                    "attempt_digest",
                    models.CharField(blank=True, default="", help_text="of the `state` of what began", max_length=64),
                ),
                ("sealed_attempt", models.TextField(blank=True, default="")),
                ("attempt_expires_at", models.DateTimeField(editable=False, null=True)),
                ("connected_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        help_text="whose it is",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mcp_servers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "MCP server of a person",
                "verbose_name_plural": "MCP servers of people",
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="one_mcp_server_per_name")],
            },
        ),
    ]
