from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AccountsConfig(AppConfig):
    default = True
    name = "chatjuicer.accounts"
    label = "accounts"

    def ready(self) -> None:
        from chatjuicer.accounts import receivers  # noqa: F401


class AdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "chatjuicer.accounts.admin_site.Site"
