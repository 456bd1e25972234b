import json
from typing import Any

from django.core.management.base import BaseCommand

from chatjuicer.operations.sbom import bill


class Command(BaseCommand):
    help = "Print what is installed for the server, and what browsers are sent, as CycloneDX JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(bill(), indent=2))
