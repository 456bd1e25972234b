from django.apps import AppConfig
from django.core.checks import Tags, register

from chatjuicer.checks import unsafe_settings


class ChatjuicerConfig(AppConfig):
    name = "chatjuicer"

    def ready(self) -> None:
        register(unsafe_settings, Tags.security)
