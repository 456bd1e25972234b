"""Who did what, when and from where. Lines are added and never changed: each holds the digest of the one before it, so
that a line that is changed or taken away shows in all that follow; and a seal of that, without which all that follow
could be made anew. The database refuses other statements than inserts (migration 0051)."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar, NoReturn
from uuid import UUID

import orjson
from django.db import connection, models, transaction
from django.utils import timezone

from chatjuicer.accounts.seals import has_unknown_key, is_sealed, seal
from chatjuicer.api.times import rfc3339
from chatjuicer.observability.context import acting_user, client_address, stated_reason

_local = threading.local()
LOCK = 0x63_6A_61_75_64_69_74  # "cjaudit"; PostgreSQL knows locks by numbers


class Act(models.TextChoices):
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    TOKEN_REPLAYED = "token_replayed"
    IDENTITY_LINKED = "identity_linked"
    IDENTITY_UNLINKED = "identity_unlinked"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RESET_ASKED = "password_reset_asked"
    PASSWORD_RESET = "password_reset"
    EMAIL_CHANGE_ASKED = "email_change_asked"
    EMAIL_CHANGED = "email_changed"
    TOTP_TURNED_ON = "totp_turned_on"
    TOTP_TURNED_OFF = "totp_turned_off"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    DEVICE_ENDED = "device_ended"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    KEY_CREATED = "key_created"
    KEY_DELETED = "key_deleted"
    ROLE_CHANGED = "role_changed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_DELETED = "account_deleted"
    SESSION_DELETED = "session_deleted"
    SESSION_PURGED = "session_purged"
    SESSION_RESTORED = "session_restored"
    SESSION_CLEARED = "session_cleared"
    MESSAGE_DELETED = "message_deleted"
    FILE_DELETED = "file_deleted"
    PROJECT_DELETED = "project_deleted"
    AGENT_DELETED = "agent_deleted"
    PROMPT_DELETED = "prompt_deleted"
    PUSH_SUBSCRIBED = "push_subscribed"
    PUSH_ENDED = "push_ended"
    CONVERSATION_READ = "conversation_read"
    APPROVAL_DECIDED = "approval_decided"
    EXPORTED = "exported"
    SHARED = "shared"
    SHARE_TAKEN_BACK = "share_taken_back"
    AUDIT_EXPORTED = "audit_exported"
    SETTING_CREATED = "setting_created"
    SETTING_CHANGED = "setting_changed"
    SETTING_DELETED = "setting_deleted"
    MEMBER_ADDED = "member_added"
    MEMBER_REMOVED = "member_removed"
    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_DELETED = "webhook_deleted"
    MCP_SERVER_ADDED = "mcp_server_added"
    MCP_SERVER_CHANGED = "mcp_server_changed"
    MCP_SERVER_CONNECTED = "mcp_server_connected"
    MCP_SERVER_DELETED = "mcp_server_deleted"
    CHAIN_SEALED = "chain_sealed"
    """By the upgrade that has brought seals, and by nobody else: lines before it have none."""


@contextmanager
def lines_at_end() -> Iterator[None]:
    """What is noted inside becomes lines at the end of the outermost such block, which its transaction must outlast;
    what was noted in one that fails is dropped."""
    outer: list[Callable[[], object]] | None = getattr(_local, "noted", None)
    noted: list[Callable[[], object]] = []
    _local.noted = noted
    try:
        yield
    finally:
        _local.noted = outer
    if outer is not None:
        outer.extend(noted)
        return
    for write in noted:
        write()


class AppendOnly(models.QuerySet["AuditEntry"]):
    def update(self, **_: Any) -> NoReturn:
        raise TypeError("The audit log is only added to.")

    def delete(self) -> NoReturn:
        raise TypeError("The audit log is only added to.")


class AuditManager(models.Manager.from_queryset(AppendOnly)):  # type: ignore[misc]
    def record(
        self,
        action: Act,
        about: models.Model | str = "",
        *,
        actor: UUID | None = None,
        address: str | None = None,
        **details: str | int | bool | list[str],
    ) -> "AuditEntry":
        """A line about a row, or about what has a name. Who acts, from where, and why if that was asked, is known from
        the request, unless it is said.

        Lines are written one after another: call it last in a transaction, so that nobody waits for what comes after.
        `details` hold no secret and nothing of what was said in a conversation: the log outlives both.
        """
        name = about if isinstance(about, str) else f"{about._meta.model_name}:{about.pk}"
        who = actor or acting_user.get()
        if reason := stated_reason.get():
            details.setdefault("reason", reason)
        with transaction.atomic():
            if connection.vendor == "postgresql":  # a transaction of SQLite is the only one
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            last: AuditEntry | None = self.order_by("-seq").first()
            entry: AuditEntry = self.model(
                seq=last.seq + 1 if last else 1,
                at=timezone.now(),
                actor=str(who or ""),
                action=action,
                object=name[:255],
                address=client_address.get() if address is None else address,
                details=details,
            )
            entry.digest = entry.digest_after(last.digest if last else "")
            entry.seal = seal(entry.digest)
            entry.save(force_insert=True)
        return entry

    def note(
        self,
        action: Act,
        about: models.Model | str = "",
        *,
        actor: UUID | None = None,
        **details: str | int | bool | list[str],
    ) -> None:
        """As `record`, by a verb that may be a part of a longer transaction, such as one around `lines_at_end`."""
        name = about if isinstance(about, str) else f"{about._meta.model_name}:{about.pk}"
        who, address = actor or acting_user.get(), client_address.get()
        write = partial(self.record, action, name, actor=who, address=address, **details)
        noted: list[Callable[[], object]] | None = getattr(_local, "noted", None)
        if noted is None:
            write()
        else:
            noted.append(write)

    def verified(self) -> Iterator[tuple["AuditEntry", bool]]:
        """All lines, oldest first, and of each whether it is as it was written and follows the one before."""
        digest, seq, first = "", 0, self.first_sealed()
        for entry in self.order_by("seq").iterator(chunk_size=500):
            follows = entry.seq == seq + 1 and entry.digest == entry.digest_after(digest)
            # Lines of older versions have no seals, and are those before one that says so.
            older = first is not None and entry.seq < first.seq and first.action == Act.CHAIN_SEALED
            yield entry, follows and (older or entry.is_sealed)
            digest, seq = entry.digest, entry.seq

    def first_sealed(self) -> "AuditEntry | None":
        found: AuditEntry | None = self.exclude(seal="").order_by("seq").first()
        return found


class AuditEntry(models.Model):
    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    # No foreign key: the line stays when the user goes.
    actor = models.CharField(max_length=64, blank=True, help_text="the user's id; empty: nobody who is known")
    action = models.CharField(max_length=64, help_text="an Act")
    object = models.CharField(max_length=255, blank=True, help_text="kind:id")
    address = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    seal = models.CharField(
        max_length=80,
        blank=True,
        default="",
        db_default="",
        help_text="of the digest, by a key that is made of SECRET_KEY; empty: of a version without seals",
    )

    objects: ClassVar[AuditManager] = AuditManager()

    class Meta:
        verbose_name = "line of the audit log"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"{self.seq}: {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("force_insert"):
            raise TypeError("The audit log is only added to.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("The audit log is only added to.")

    def representation(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.at),
            "actor": self.actor or None,
            "action": self.action,
            "object": self.object,
            "address": self.address,
            "details": self.details,
        }

    def as_line(self) -> bytes:
        """Of JSON lines: with its number and digest, by which whoever has all of them can follow the chain, and the
        seal, which the server can verify."""
        return orjson.dumps({"seq": self.seq, **self.representation(), "digest": self.digest, "seal": self.seal})

    @property
    def is_sealed(self) -> bool:
        return is_sealed(self.digest, self.seal)

    @property
    def has_unknown_key(self) -> bool:
        """Whether what sealed it, or what somebody wrote there, is no key of the settings."""
        return has_unknown_key(self.seal)

    def digest_after(self, previous: str) -> str:
        """SHA-256 of the digest before and of the line as JSON with sorted keys."""
        line = orjson.dumps([previous, self.seq, self.representation()], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(line).hexdigest()
