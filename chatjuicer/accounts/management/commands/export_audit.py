from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatjuicer.accounts.models import Act, AuditEntry


class Command(BaseCommand):
    help = "Print the audit log as JSON lines, oldest first; fails if it is not as it was written."

    def handle(self, *args: Any, **options: Any) -> None:
        AuditEntry.objects.record(Act.AUDIT_EXPORTED, by="export_audit")
        broken = []
        for entry, whole in AuditEntry.objects.verified():
            self.stdout.write(entry.as_line().decode())
            if not whole:
                broken.append(entry)
        if broken and broken[0].has_unknown_key:
            raise CommandError(
                f"Line {broken[0].seq} cannot be verified: it was sealed by a key that is neither SECRET_KEY nor one"
                " of SECRET_KEY_FALLBACKS, or was changed."
            )
        if broken:
            raise CommandError(
                f"The log was changed: line {broken[0].seq} does not follow the one before it, or has no valid seal."
            )
