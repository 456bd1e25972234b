from django.db import migrations

from chatjuicer.encryption import EncryptedTextField


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    # Results are kept for a day; no database can make text of their bytes.
    operations = [
        migrations.RunSQL("DELETE FROM accounts_idempotencyrecord", migrations.RunSQL.noop),
        migrations.RemoveField("idempotencyrecord", "result"),
        migrations.AddField("idempotencyrecord", "result", EncryptedTextField(default="")),
    ]
