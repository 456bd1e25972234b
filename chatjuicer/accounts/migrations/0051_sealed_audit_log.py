from hashlib import sha256

import orjson
from django.db import migrations, models
from django.utils import timezone

from chatjuicer.accounts.seals import seal
from chatjuicer.api.times import rfc3339

# Whoever makes that table anew on SQLite has to make these anew, too. Without the last one, INSERT OR REPLACE would take
# a line away unseen.
REFUSED = "The audit log is only added to."
SQLITE = (
    f"""CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON accounts_auditentry BEGIN
        SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_log_is_not_deleted BEFORE DELETE ON accounts_auditentry BEGIN
        SELECT RAISE(ABORT, '{REFUSED}'); END""",
    f"""CREATE TRIGGER audit_log_is_not_replaced BEFORE INSERT ON accounts_auditentry
        WHEN EXISTS (SELECT 1 FROM accounts_auditentry WHERE seq = new.seq) BEGIN
        SELECT RAISE(ABORT, '{REFUSED}'); END""",  # noqa: S608
)
SQLITE_BACK = tuple(f"DROP TRIGGER audit_log_is_not_{done}" for done in ("changed", "deleted", "replaced"))
POSTGRESQL = (
    f"""CREATE FUNCTION audit_log_is_only_added_to() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$""",
    """CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE OR DELETE ON accounts_auditentry
        FOR EACH ROW EXECUTE FUNCTION audit_log_is_only_added_to()""",
    """CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON accounts_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_only_added_to()""",
)
POSTGRESQL_BACK = (
    "DROP TRIGGER audit_log_is_not_changed ON accounts_auditentry",
    "DROP TRIGGER audit_log_is_not_emptied ON accounts_auditentry",
    "DROP FUNCTION audit_log_is_only_added_to()",
)


def begin(apps, schema_editor):
    """Where there are lines without seals, the first line with one says that it is the first. Nothing else says that,
    so that nobody can take seals off and let the server go on."""
    entries = apps.get_model("accounts", "AuditEntry").objects.using(schema_editor.connection.alias)
    last = entries.order_by("-seq").first()
    if last is None or entries.exclude(seal="").exists():
        return
    line = {
        "at": timezone.now(),
        "actor": "",
        "action": "chain_sealed",
        "object": "",
        "address": "",
        "details": {"lines": last.seq},
    }
    told = line | {"at": rfc3339(line["at"]), "actor": None}
    entry = entries.model(seq=last.seq + 1, **line)
    entry.digest = digest([last.digest, entry.seq, told])
    entry.seal = seal(entry.digest)
    entry.save(using=schema_editor.connection.alias, force_insert=True)


def digest(said):
    return sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def guard(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def unguard(apps, schema_editor):
    for statement in POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0050_budgets_in_money"),
    ]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="seal",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="of the digest, by a key that is made of SECRET_KEY; empty: of a version without seals",
                max_length=80,
            ),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
