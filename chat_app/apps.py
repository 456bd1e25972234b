from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat_app"
    verbose_name = "Chat"

    def ready(self) -> None:
        # Models exist only now, and these modules name them.
        from chat_app import receivers  # noqa: F401
        from chat_app.models import Event
        from sessions_app.models import pack_too

        pack_too(Event, "seq")
