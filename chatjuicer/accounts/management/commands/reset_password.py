from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.models.user import normal
from chatjuicer.accounts.resets import address_for


class Command(BaseCommand):
    help = "Print an address at which the account's password can be set anew: once, within an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=normal(options["email"]), is_active=True, is_service=False).first()
        if user is None:
            raise CommandError(f"There is no active account of {options['email']} that could have a password.")
        AuditEntry.objects.record(Act.PASSWORD_RESET_ASKED, user, by="reset_password")
        self.stdout.write(address_for(user))
