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
                broken.append(entry.seq)
        if broken:
            raise CommandError(f"The log was changed: line {broken[0]} does not follow the one before it.")
