from typing import Any

from django.core.management.base import BaseCommand

from chatjuicer.accounts.models import User


class Command(BaseCommand):
    help = "Create or update the default user (DEFAULT_USER_EMAIL, DEFAULT_USER_PASSWORD)."

    def handle(self, *args: Any, **options: Any) -> None:
        user, generated = User.objects.seed_default()
        if generated:
            self.stdout.write(f"Default user {user.email} with password {generated} (shown this once)")
        else:
            self.stdout.write(f"Default user {user.email}")
