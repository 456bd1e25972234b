"""How sessions come to be and are found: the verbs over more than one of them."""

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from chatjuicer.accounts.models import GroupAllowance
from chatjuicer.accounts.models.group_allowance import stands_in
from sessions_app import allowed, catalogue, signals
from sessions_app.search.shelves import scheme

from .agent import Agent
from .mcp_server import McpServer
from .search_entry import SearchEntry
from .tally import SessionTally
from .usual import usual_settings

if TYPE_CHECKING:
    from chatjuicer.accounts.models import User

    from .session import ChatSession

NATIVE = "default"
"""The namespace of the native API."""

DELETING = ""
"""The namespace of sessions whose rows go in several transactions. No door leads there, and a start after a crash
goes on with what is left."""

TRASH = "\x7f"
"""Begins the namespace of a deleted session that can be restored; its UUID follows, so that its name is free at once
and any number of deleted sessions may have had the same one. No door takes a control character."""


def known(path: str = "") -> Q:
    """The filter for sessions that exist, to whoever asks; `path` leads to them, as in `session__`."""
    return ~Q(**{f"{path}namespace": DELETING}) & ~Q(**{f"{path}namespace__startswith": TRASH})


KNOWN = f"namespace <> '{DELETING}' AND substr(namespace, 1, 1) <> '{TRASH}'"
"""The same for statements that are written out."""

SESSION_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.:-]{1,64}")
"""Neither `.` nor `..`, which clients and proxies take out of an address before they ask for it."""


class ChatSessionManager(models.Manager["ChatSession"]):
    def get_queryset(self) -> "models.QuerySet[ChatSession]":
        """Without those that are deleted or being deleted: they do not exist, to whoever asks."""
        return super().get_queryset().filter(known())

    def finish_removals(self) -> int:
        """Deletes what a crash has left of sessions that were being deleted; how many there were. Another process may
        be deleting the same ones."""
        left = list(self.model.with_deleting.filter(namespace=DELETING).defer("title", "last_message_preview"))
        for session in left:
            session.finish_removing()
        return len(left)

    def finish_clearings(self) -> int:
        """Takes away what a crash has left of histories that were being cleared; how many there were."""
        left = list(self.filter(clearing=True))
        for session in left:
            session.finish_clearing()
        return len(left)

    def named(self, key: str, namespace: str = NATIVE) -> "ChatSession":
        """The session whose `public_id`, or else whose UUID `id`, is `key`; raises DoesNotExist.

        Ask it of `user.chat_sessions`: what belongs to others is then unknown.
        """
        return first_named(self.filter(namespace=namespace), key)

    def open(
        self,
        owner: "User",
        *,
        public_id: str | None = None,
        namespace: str = NATIVE,
        title: str = "",
        is_named: bool = False,
        model: str | None = None,
        mcp_config: Sequence[str] | None = None,
        **fields: Any,
    ) -> tuple["ChatSession", bool]:
        """The session of that name and whether it was made now; also among parallel calls it is made once.

        A stored session is answered as it is. None means the default, of a model the agent's, or else the owner's; an
        empty `mcp_config` stays empty. A title that comes with the session is no person's choice, unless `is_named`
        says so. Raises Project.DoesNotExist if the project is gone, and ValueError for a namespace of what is deleted.
        """
        if namespace == DELETING or namespace.startswith(TRASH):
            raise ValueError("no session begins as a deleted one")
        named = self.filter(owner=owner, namespace=namespace, public_id=public_id)
        if public_id and (stored := named.first()):
            return stored, False
        now = timezone.now()
        session = self.model(
            owner=owner,
            namespace=namespace,
            public_id=public_id or new_name(),
            title=title,
            is_named=is_named,
            search_scheme=scheme(),
            created_at=now,
            updated_at=now,
            last_used_at=now,
            **with_defaults(owner, model, mcp_config, fields),
        )
        with transaction.atomic(savepoint=False):
            if project := fields.get("project"):
                project.hold()
            stored = None
            while stored is None:  # not found: whose name was in the way has just been deleted
                self.bulk_create([session], ignore_conflicts=bool(public_id))
                stored = named.first() if public_id else session
            if stored.pk != session.pk:
                return stored, False
            if title:
                SearchEntry.objects.put_title(session)
            SessionTally.objects.change(owner.pk, namespace, +1)
            signals.session_created.send(self.model, session=session)
        return session, True


class TrashManager(models.Manager["ChatSession"]):
    """Deleted sessions that can be restored."""

    def get_queryset(self) -> "models.QuerySet[ChatSession]":
        return super().get_queryset().filter(deleted_at__isnull=False)

    def named(self, owner: "User", key: str) -> "ChatSession":
        """The owner's that had this name, deleted last of several, or else has this UUID; raises DoesNotExist."""
        return first_named(self.filter(owner=owner).order_by("-deleted_at"), key)


def first_named(sessions: "models.QuerySet[ChatSession]", key: str) -> "ChatSession":
    if not SESSION_ID.fullmatch(key):
        raise sessions.model.DoesNotExist
    named = Q(public_id=key)
    if len(key) == 36:
        with suppress(ValueError):
            named |= Q(pk=UUID(key))
    found = list(sessions.filter(named))
    if not found:
        raise sessions.model.DoesNotExist
    return next((session for session in found if session.public_id == key), found[0])


def announce_all(sessions: "models.QuerySet[ChatSession]") -> None:
    """Tells clients, after the commit, of a change that they see in each of them: one at a time, as there may be tens
    of thousands, and nobody must wait for all.

    What the process does not come to, as it dies, is lost to nobody: clients read the change whenever they load the
    session, or their list, and whoever asks for it again has all told."""
    keys = list(sessions.filter(packed=False).values_list("pk", flat=True))  # nobody looks at an archived one
    session_class = sessions.model

    def announce() -> None:
        for key in keys:
            session_class(pk=key).announce()

    transaction.on_commit(announce)


def with_defaults(
    owner: "User", model: str | None, mcp_config: Sequence[str] | None, fields: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a new session: `fields`, and what nobody chose as its agent has it, or else its owner."""
    agent_name = fields.get("agent_name")
    usual = usual_settings(owner, Agent.objects.of_session(owner.pk, agent_name) if agent_name else None)
    window = catalogue.context_window(model or usual.model)
    return {
        "reasoning_effort": usual.reasoning_effort,
        **fields,
        "usual_model": not model,
        "usual_effort": "reasoning_effort" not in fields,
        "model": model or usual.model,
        "mcp_config": usual_servers(owner.pk) if mcp_config is None else list(mcp_config),
        "max_tokens": window.max_tokens,
        "trigger_tokens": window.trigger_tokens,
    }


def usual_servers(owner_pk: UUID) -> list[str]:
    """All MCP servers of the settings that the owner may use, and their own that they want in new chats."""
    allowance = GroupAllowance.objects.of_user(owner_pk)
    own = McpServer.objects.keys_in_new_chats(owner_pk)
    return [*allowed.servers(allowance), *(key for key in own if stands_in(allowance.mcp_servers, key))]


def new_name() -> str:
    return f"chat_{secrets.token_hex(12)}"
