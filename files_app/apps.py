from django.apps import AppConfig
from django.core.checks import Tags, register

from files_app.checks import storage_settings


class FilesConfig(AppConfig):
    name = "files_app"
    verbose_name = "Files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, and these modules name them.
        from files_app import receivers  # noqa: F401

        register(storage_settings, Tags.security)  # those that `serve` looks at
