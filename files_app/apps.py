from django.apps import AppConfig
from django.core.checks import register

from files_app.checks import storage_settings


class FilesConfig(AppConfig):
    name = "files_app"
    verbose_name = "Files"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, and these modules name them.
        from files_app import receivers  # noqa: F401
        from files_app.bringing import brought
        from files_app.listing import of_detail
        from sessions_app import attachments
        from sessions_app.detail import contribute

        contribute("files", of_detail)
        attachments.register(brought)
        register(storage_settings)
