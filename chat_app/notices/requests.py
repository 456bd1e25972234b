"""What a notice says, and to where: made when it is sent, of what the session is by then."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cryptography.fernet import InvalidToken

from chat_app.models import Approval, Notice, PushSubscription, Webhook
from chat_app.models.webhook import SECRET_MARK
from chatjuicer.api.times import rfc3339
from sessions_app.models import NATIVE, ChatSession

from .encryption import encrypted
from .vapid import authorization, base64url, from_base64url

KEPT_FOR_S = 24 * 3600
"""By a push service, for a browser that is not there."""


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    url: str
    headers: dict[str, str]
    body: bytes
    looked_at: UUID | None = None
    """A session: whoever looks at it needs no request."""


class SecretLost(Exception):
    """SECRET_KEY is another one than when the webhook was made, and is not among SECRET_KEY_FALLBACKS."""


def request_of(notice: Notice) -> NoticeRequest | None:
    """None where nobody wants it any more. Raises SecretLost."""
    session = session_of(notice)
    if isinstance(receiver := notice.receiver, Webhook):
        return to_webhook(notice, receiver, session)
    if session is None or not PushSubscription.objects.alive().filter(pk=receiver.pk).exists():
        return None
    return None if is_settled(notice, session) else to_browser(notice, receiver, session)


def session_of(notice: Notice) -> ChatSession | None:
    """None where it is in the trash, or gone."""
    named = ChatSession.objects.filter(owner=notice.receiver.user_id, namespace=NATIVE, public_id=notice.public_id)
    return named.first()


def is_settled(notice: Notice, session: ChatSession) -> bool:
    """Whether a person has seen it meanwhile, on whichever device."""
    if notice.type == Notice.Type.APPROVAL_WAITING:
        return not session.approvals.filter(status=Approval.Status.PENDING).exists()
    return notice.type == Notice.Type.ANSWER_READY and not session.unread


def said(notice: Notice, session: ChatSession | None) -> dict[str, Any]:
    return {
        "id": str(notice.pk),
        "type": notice.type,
        "at": rfc3339(notice.created_at),
        "session_id": notice.public_id,
        "title": session.title if session else None,
    }


def to_webhook(notice: Notice, webhook: Webhook, session: ChatSession | None) -> NoticeRequest | None:
    """Signed as https://www.standardwebhooks.com says: over the id, the time and the body."""
    if not (webhook.active and webhook.user.is_active):
        return None
    try:
        secret = base64.b64decode(webhook.secret.removeprefix(SECRET_MARK))
    except InvalidToken:
        raise SecretLost from None
    body = orjson.dumps(said(notice, session) | {"run_id": str(notice.run_id) if notice.run_id else None})
    sent_at = str(int(time.time()))
    signed = b"%s.%s.%s" % (str(notice.pk).encode(), sent_at.encode(), body)
    signature = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(notice.pk),
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{signature}",
    }
    return NoticeRequest(webhook.url, headers, body)


def to_browser(notice: Notice, browser: PushSubscription, session: ChatSession) -> NoticeRequest:
    told = said(notice, session)
    if browser.preview:
        told["preview"] = session.last_message_preview
    keys = from_base64url(browser.p256dh), from_base64url(browser.auth)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "Authorization": authorization(browser.endpoint),
        "TTL": str(KEPT_FOR_S),
        "Urgency": "high" if notice.type == Notice.Type.APPROVAL_WAITING else "normal",
        # Of what waits for a browser that is away, the newest of each session is worth being shown.
        "Topic": base64url(hashlib.sha256(session.pk.bytes).digest()[:24]),
    }
    return NoticeRequest(browser.endpoint, headers, encrypted(orjson.dumps(told), *keys), session.pk)
