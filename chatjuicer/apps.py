from django.apps import AppConfig
from django.core.checks import Tags, register

from chatjuicer.checks import unsafe_settings


class ChatjuicerConfig(AppConfig):
    name = "chatjuicer"

    def ready(self) -> None:
        # Models exist only now, and this module names them.
        from chatjuicer.frontends import sparrow_slots  # noqa: F401

        register(unsafe_settings, Tags.security)
