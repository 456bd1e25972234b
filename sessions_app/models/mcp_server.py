"""An MCP server that a person has added for their own conversations.

What lets us in there is sealed by keys that are made of SECRET_KEY: the messages' keys may be unset. What is in an
attempt and a grant, which are texts here, knows chat_app/agent/mcp/grant.py.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.sealing import digest, seal, unseal
from chatjuicer.api.exceptions import NameTaken
from chatjuicer.encryption import EncryptedTextField
from sessions_app.allowed import OWN
from sessions_app.exceptions import TooMany
from sessions_app.signals import grant_given_up

PURPOSE = "mcp server"  # of the seal
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MAX_SERVERS = 20  # of one user
ATTEMPT_LIFETIME = timedelta(minutes=10)
RENEWAL_LIFETIME = timedelta(seconds=20)  # after which another process may try


class McpServerManager(models.Manager["McpServer"]):
    def add(self, user: User, name: str, url: str, **fields: Any) -> McpServer:
        """`fields` as of `configure`. Raises NameTaken, TooMany."""
        with transaction.atomic():
            User.objects.hold(user.pk)
            own = self.filter(user=user)
            if own.count() >= MAX_SERVERS:
                raise TooMany(f"You have {MAX_SERVERS} MCP servers, the most there can be.")
            if own.filter(name=name).exists():
                raise NameTaken()
            server = self.create(user=user, name=name, url=url, **as_columns(fields))
            AuditEntry.objects.record(Act.MCP_SERVER_ADDED, server, owner=str(user.pk), host=server.host)
        return server

    def chosen(self, user_pk: UUID, keys: Iterable[str]) -> list[McpServer]:
        """The user's of those keys, by name; unknown ones cost nothing."""
        names = [key.removeprefix(OWN) for key in keys if key.startswith(OWN)]
        return list(self.light().filter(user=user_pk, name__in=names).order_by("name")) if names else []

    def light(self) -> models.QuerySet[McpServer]:
        """Without the columns that hold what authorization servers have said: lists need none of it."""
        return self.defer("sealed_attempt", "sealed_grant")

    def connections(self, pks: Iterable[UUID]) -> dict[UUID, datetime | None]:
        """Since when each server that still exists is connected; None: it is not."""
        return dict(self.filter(pk__in=list(pks)).values_list("pk", "connected_at"))

    def keys_in_new_chats(self, user_pk: UUID) -> list[str]:
        names = self.filter(user=user_pk, in_new_chats=True).order_by("name").values_list("name", flat=True)
        return [f"{OWN}{name}" for name in names]

    def spend_attempt(self, user_pk: UUID, state: str) -> tuple[McpServer, str] | None:
        """The server that the user has begun to authorize us at, and what was kept of it, once; None for another
        person's, a spent and an expired one."""
        begun = self.filter(user=user_pk, attempt_digest=digest(state), attempt_expires_at__gt=timezone.now())
        server = begun.first()
        if server is None:
            return None
        attempt = opened(server.sealed_attempt)
        spent = begun.filter(pk=server.pk).update(attempt_digest="", sealed_attempt="", attempt_expires_at=None)
        return (server, attempt) if spent and attempt else None


class McpServer(models.Model):
    class Status(models.TextChoices):
        NEW = "new"
        CONNECTED = "connected"
        NEEDS_AUTHORIZATION = "needs_authorization"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="mcp_servers", db_index=False, help_text="whose it is"
    )
    name = models.CharField(max_length=32)
    url = EncryptedTextField(help_text="which may hold a secret")
    sealed_headers = models.TextField(blank=True, default="", help_text="that each request carries, sealed JSON")
    always_asks = models.BooleanField(default=False, help_text="each call of its tools waits for the person")
    in_new_chats = models.BooleanField(default=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.NEW)
    error = models.CharField(max_length=32, blank=True, default="", help_text="why it could not be connected")
    sealed_grant = models.TextField(blank=True, default="", help_text="what an authorization server has given")
    grant_expires_at = models.DateTimeField(null=True, editable=False)
    renewing_until = models.DateTimeField(null=True, editable=False, help_text="a process renews the grant until then")
    attempt_digest = models.CharField(max_length=64, blank=True, default="", help_text="of the `state` of what began")
    sealed_attempt = models.TextField(blank=True, default="")
    attempt_expires_at = models.DateTimeField(null=True, editable=False)
    connected_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[McpServerManager] = McpServerManager()

    class Meta:
        verbose_name = "MCP server of a person"
        verbose_name_plural = "MCP servers of people"
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_mcp_server_per_name")]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """By which sessions and agents choose it."""
        return f"{OWN}{self.name}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def headers(self) -> dict[str, str]:
        return orjson.loads(opened(self.sealed_headers) or "{}")

    @property
    def grant(self) -> str:
        """Empty where there is none, or SECRET_KEY is another one since."""
        return opened(self.sealed_grant)

    def configure(self, **changes: Any) -> None:
        """What its owner sets: url, headers, always_asks, in_new_chats. What lets us into one address is not shown to
        another, and its headers do not go along. Raises DoesNotExist."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=McpServer.objects.select_for_update())
            columns = as_columns(changes)
            is_moved = changes.get("url", self.url) != self.url
            if is_moved:
                columns.setdefault("sealed_headers", "")
            if is_moved or "headers" in changes:
                self._give_up(self.grant)
                columns |= {"status": self.Status.NEW, "error": "", "sealed_grant": "", "grant_expires_at": None}
                columns |= {"attempt_digest": "", "sealed_attempt": "", "connected_at": None}
            self._write(**columns)
            AuditEntry.objects.record(Act.MCP_SERVER_CHANGED, self, changed=sorted(changes))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        about = f"mcpserver:{self.pk}"
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            AuditEntry.objects.record(Act.MCP_SERVER_DELETED, about, owner=str(self.user_id))
        return deleted

    # -- getting in. Each says whether it was written: not what came of an address or headers that are others by now.

    def begin_attempt(self, state: str, attempt: str) -> bool:
        """What is to be known when the person comes back with `state`, to whichever process. One that was begun before
        is over; a grant that lets us in goes on."""
        with transaction.atomic():
            now = self._held()
            if now is None:
                return False
            is_in = now.status == self.Status.CONNECTED and bool(now.sealed_grant)
            self._write(
                status=now.status if is_in else self.Status.NEEDS_AUTHORIZATION,
                error="",
                attempt_digest=digest(state),
                sealed_attempt=seal(attempt, PURPOSE),
                attempt_expires_at=timezone.now() + ATTEMPT_LIFETIME,
            )
        return True

    def connect(self, grant: str = "", expires_at: datetime | None = None, *, replaces: bool = True) -> bool:
        """It lets us in: by a `grant`, which a person has given us, or as anybody. One that it `replaces` is given
        up."""
        with transaction.atomic():
            now = self._held()
            if now is None:
                return False
            self._give_up(now.grant if replaces else "")
            self._write(
                status=self.Status.CONNECTED,
                error="",
                sealed_grant=seal(grant, PURPOSE) if grant else "",
                grant_expires_at=expires_at,
                renewing_until=None,
                connected_at=timezone.now(),
            )
            AuditEntry.objects.record(Act.MCP_SERVER_CONNECTED, self, host=self.host, authorized=bool(grant))
        return True

    def fail(self, error: str) -> bool:
        with transaction.atomic():
            if self._held() is None:
                return False
            self._write(status=self.Status.FAILED, error=error)
        return True

    # -- staying in. What a process has learned of an older grant changes nothing of the newer one.

    def begin_renewal(self) -> bool:
        """Of all processes one at a time: a refresh token that is used twice ends the grant. It has the grant then that
        another process may just have renewed."""
        now = timezone.now()
        until = now + RENEWAL_LIFETIME
        with transaction.atomic():
            free = Q(renewing_until=None) | Q(renewing_until__lt=now)
            if not self._same().filter(free).update(renewing_until=until):
                return False
            self.refresh_from_db(fields=["sealed_grant", "grant_expires_at", "renewing_until"])
        return True

    def end_renewal(self) -> None:
        """Of the one that this process has begun, as `renew`: another may have begun since."""
        self._renewed_here().update(renewing_until=None)

    def renew(self, grant: str, expires_at: datetime | None) -> None:
        columns = {"sealed_grant": seal(grant, PURPOSE), "grant_expires_at": expires_at, "renewing_until": None}
        self._renewed_here().update(**columns)

    def refuse(self, grant: str = "") -> None:
        """It lets us in no more, until the person authorizes us again. A `grant` says for what; one that has been
        renewed meanwhile stays as it is."""
        self._same().update(status=self.Status.NEEDS_AUTHORIZATION)
        if grant:
            self._same().filter(sealed_grant=self.sealed_grant).update(sealed_grant=seal(grant, PURPOSE))

    def _same(self) -> models.QuerySet[McpServer]:
        return McpServer.objects.filter(pk=self.pk, connected_at=self.connected_at)

    def _renewed_here(self) -> models.QuerySet[McpServer]:
        return self._same().filter(renewing_until=self.renewing_until)

    # -- in a transaction

    def _held(self) -> McpServer | None:
        """The row as it is, to its end; None where it is gone, or has another address or other headers by now."""
        now = McpServer.objects.select_for_update().filter(pk=self.pk).first()
        is_same = now is not None and (now.url, now.sealed_headers) == (self.url, self.sealed_headers)
        return now if is_same else None

    def _give_up(self, grant: str) -> None:
        if grant:
            grant_given_up.send(McpServer, url=self.url, grant=grant)

    def _write(self, **columns: Any) -> None:
        for column, value in columns.items():
            setattr(self, column, value)
        self.save(update_fields=list(columns))


def as_columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(fields)
    if (headers := columns.pop("headers", None)) is not None:
        columns["sealed_headers"] = seal(orjson.dumps(headers).decode(), PURPOSE) if headers else ""
    return columns


def opened(sealed: str) -> str:
    """Empty, too, where SECRET_KEY is another one since."""
    try:
        return unseal(sealed, PURPOSE) if sealed else ""
    except InvalidToken:
        return ""
