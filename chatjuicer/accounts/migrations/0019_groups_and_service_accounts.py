import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("accounts", "0008_openid_identities"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="is_service",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="a program's, with API keys alone",
                verbose_name="service account",
            ),
        ),
        migrations.CreateModel(
            name="ServiceAccount",
            fields=[],
            options={"verbose_name": "service account", "proxy": True, "indexes": [], "constraints": []},
            bases=("accounts.user",),
        ),
        migrations.CreateModel(
            name="GroupAllowance",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="allowance",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                (
                    "allowed_models",
                    models.JSONField(
                        blank=True,
                        default=None,
                        help_text='Ids as models are chosen by, such as ["gpt-5", "home/*"]. Empty: the group says '
                        "nothing of them; []: none. Of several groups all lists count together.",
                        null=True,
                        verbose_name="models",
                    ),
                ),
                (
                    "allowed_servers",
                    models.JSONField(
                        blank=True,
                        default=None,
                        help_text='Keys of MCP servers, such as ["fetch"]; empty and [] as of the models.',
                        null=True,
                        verbose_name="MCP servers",
                    ),
                ),
                (
                    "daily_tokens",
                    models.PositiveBigIntegerField(
                        default=0, help_text="that all its members together may use in a day (UTC); 0: any number"
                    ),
                ),
            ],
            options={"verbose_name": "what its members may use", "verbose_name_plural": "what its members may use"},
        ),
    ]
