from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0028_share_copies"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountlog",
            name="message_bytes",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="of the texts of all messages, those in the trash included"
            ),
        ),
        migrations.AddField(
            model_name="chatsession",
            name="said_bytes",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="of the texts of its messages, since they are counted",
            ),
        ),
    ]
