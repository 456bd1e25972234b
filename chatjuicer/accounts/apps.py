from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "chatjuicer.accounts"
    label = "accounts"
