from typing import Any

from django.dispatch import receiver

from chatjuicer.accounts.models import User
from chatjuicer.accounts.signals import account_ending
from sessions_app.models import ChatSession


@receiver(account_ending)
def remove_sessions(user: User, **kwargs: Any) -> None:
    """Each by its own verb, so that its runs end and its sockets close; what is in the trash, too."""
    for sessions in (user.chat_sessions, user.chat_sessions(manager="trash")):
        while session := sessions.order_by("pk").first():
            try:
                session.remove()
            except ChatSession.DoesNotExist:  # its last request was quicker
                continue
