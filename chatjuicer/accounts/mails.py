"""Mails of accounts, and the addresses of pages that stand in them."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException
from urllib.parse import quote

from django.conf import settings
from django.core.mail import send_mail
from django.db import close_old_connections

from chatjuicer.accounts.exceptions import MailFailed

logger = logging.getLogger(__name__)

MAILS_OF_ACCOUNT = "5/hour"

queue = ThreadPoolExecutor(1, thread_name_prefix="mail")


def send(to: str, subject: str, text: str) -> None:
    """Before this returns: who asks may know whether it went well. Raises MailFailed."""
    try:
        send_mail(subject, text, settings.EMAIL_FROM, [to])
    except (OSError, SMTPException):
        logger.warning("a mail could not be sent", exc_info=True)
        raise MailFailed() from None


def send_later(to: str, subject: str, text: str) -> None:
    later(lambda: send(to, subject, text))


def later(job: Callable[[], None]) -> None:
    """In a thread, one after another, so that whoever asks cannot tell by the time what is done."""
    queue.submit(_do, job)


def _do(job: Callable[[], None]) -> None:
    close_old_connections()
    try:
        job()
    except MailFailed:
        pass  # which `send` has said
    except Exception:
        logger.exception("what was to be done for a mail has failed")
    finally:
        close_old_connections()


def page_address(page: str, token: str, base_url: str = "") -> str:
    """Of a page of this server that takes the token. PUBLIC_URL goes before `base_url`, as which the server was
    asked."""
    base = settings.PUBLIC_URL or base_url or f"http://{settings.HOST}:{settings.PORT}"
    return f"{base.rstrip('/')}/{page}?token={quote(token)}"
