from django.db import migrations, models

import chatjuicer.encryption


class Migration(migrations.Migration):
    """Nothing is filled in: a message that names no parent follows the row before it."""

    dependencies = [
        ("sessions_app", "0023_compaction"),
    ]

    operations = [
        migrations.AddField(
            model_name="chatsession",
            name="is_tree",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="its visible path is not all that was ever said",
            ),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="leaf_id",
            field=models.UUIDField(blank=True, editable=False, help_text="the visible path's last message", null=True),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="path_changes",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="contextitem",
            name="message_id",
            field=models.UUIDField(
                blank=True,
                help_text="the message that it stands for; of a summary: the last one that it covers",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="contextitem",
            name="summary",
            field=models.BooleanField(db_default=False, default=False, help_text="covers all up to its message"),
        ),
        migrations.AddField(
            model_name="contextitem",
            name="visible",
            field=models.BooleanField(db_default=True, default=True, help_text="given to the model"),
        ),
        migrations.AddField(
            model_name="message",
            name="parent_id",
            field=models.UUIDField(
                blank=True,
                help_text="the message that it follows; all zeros: none, as another version of the first",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="rating",
            field=models.CharField(
                blank=True, choices=[("up", "Up"), ("down", "Down")], db_default="", default="", max_length=4
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="rating_text",
            field=chatjuicer.encryption.EncryptedTextField(
                blank=True, db_default="", default="", help_text="why it is rated so"
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="seen",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="number of the change of paths that took it out of view"
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="visible",
            field=models.BooleanField(db_default=True, default=True, help_text="on the path that people and model see"),
        ),
    ]
