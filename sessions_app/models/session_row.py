"""The row of a session: its columns, and how they are found. What may be done to it: session.py."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from chatjuicer.encryption import EncryptedJSONField, EncryptedTextField
from sessions_app import catalogue

from .marks import Marks
from .project import Project
from .sessions import NATIVE
from .statements import ShortNumbers

DEFAULT_AGENT = "chat"
IDLE = "idle"


class SessionRow(Marks, models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chat_sessions", db_index=False)
    namespace = models.CharField(max_length=64, default=NATIVE)
    # On the wire, and in the database, its name is `session_id`.
    public_id = models.CharField(max_length=64, db_column="session_id")
    title = EncryptedTextField(max_length=255, blank=True, default="")
    is_named = models.BooleanField(default=False, help_text="a person chose the title")
    model = models.CharField(max_length=128)
    reasoning_effort = models.CharField(max_length=16, blank=True, default=catalogue.DEFAULT_REASONING_EFFORT)
    # What nobody chose for the session, its agent may set. Of sessions of older versions that is not known.
    usual_model = models.BooleanField(default=False, db_default=False, editable=False)
    usual_effort = models.BooleanField(default=False, db_default=False, editable=False)
    mcp_config = models.JSONField(blank=True, default=list)
    disabled_tools = models.JSONField(
        blank=True,
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="names of tools that the model is not given here",
    )
    agent_name = models.CharField(max_length=64, default=DEFAULT_AGENT)
    metadata = EncryptedJSONField(blank=True, default=dict, decoder=ShortNumbers)
    pinned = models.BooleanField(default=False)
    # Until then a walk through the list finds the session where it was.
    pin_changed_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived = models.BooleanField(default=False)
    clearing = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Its history is going in several transactions."
    )
    project = models.ForeignKey(Project, models.SET_NULL, null=True, blank=True, related_name="sessions")
    origin = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="of an import: what it was there",
    )
    frontend = models.CharField(max_length=16, blank=True, default="", help_text="which made it; empty: native")
    dialect = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="of plain sockets: the API version that last made or loaded it by its public_id; empty: /api",
    )
    agent_type = models.CharField(max_length=32, blank=True, default="", help_text="sparrow")
    is_active = models.BooleanField(default=True, help_text="takes messages")
    packed = models.BooleanField(default=False, editable=False, help_text="what was said is in a PackedHistory")
    # Agent Sparrow's, given out by chatjuicer.frontends.sparrow_slots.
    active_slot = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    # Of its runs, which this app knows nothing of: idle, queued, running or awaiting_approval.
    state = models.CharField(max_length=20, default=IDLE, db_default=IDLE, editable=False)
    message_count = models.PositiveIntegerField(default=0)
    total_tokens = models.BigIntegerField(default=0, help_text="used by all runs")
    said_bytes = models.BigIntegerField(
        default=0, db_default=0, editable=False, help_text="of the texts of its messages, since they are counted"
    )
    context_tokens = models.PositiveIntegerField(default=0, help_text="what the model was last given")
    max_tokens = models.PositiveIntegerField(default=0, help_text="the model's context window")
    trigger_tokens = models.PositiveIntegerField(default=0, help_text="compaction begins here")
    last_message_preview = EncryptedTextField(max_length=100, blank=True, default="")
    last_position = models.PositiveIntegerField(default=0, help_text="of messages given out")
    # NULL while nothing was said, and of older versions: the message with the highest position.
    leaf_id = models.UUIDField(null=True, blank=True, editable=False, help_text="the visible path's last message")
    is_tree = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="its visible path is not all that was ever said"
    )
    path_changes = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    last_context_position = models.PositiveIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0, help_text="highest event number")
    forgotten_seq = models.BigIntegerField(default=0, help_text="events up to it are gone")

    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    # Exactly the time of the newest message, or of creation: a walk through the list relies on it.
    last_used_at = models.DateTimeField(default=timezone.now)
    search_scheme = models.CharField(
        max_length=16,
        default="",
        db_default="",
        editable=False,
        help_text="of its search entries; empty: none were made",
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="in the trash since then")

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["owner", "namespace", "public_id"], name="one_session_per_name"),
            models.UniqueConstraint(
                fields=["owner", "agent_type", "active_slot"],
                condition=Q(active_slot__isnull=False),
                name="one_session_per_active_slot",
            ),
            models.CheckConstraint(
                condition=Q(active_slot__isnull=True) | Q(active_slot__range=(1, 5)),
                name="few_active_slots",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "namespace", "-pinned", "-last_used_at", "-id"], name="session_list"),
            # With the title, so that a search reads no more than the index.
            models.Index(fields=["owner", "namespace", "-updated_at", "-id", "title"], name="session_by_update"),
            models.Index(fields=["-created_at"], name="session_newest"),
            models.Index(fields=["public_id"], name="session_name"),
            models.Index(fields=["search_scheme"], name="session_search_scheme"),
            models.Index(fields=["owner", "-deleted_at"], condition=Q(deleted_at__isnull=False), name="session_trash"),
            models.Index(fields=["owner", "origin"], condition=~Q(origin=""), name="session_origin"),
            models.Index(fields=["id"], condition=Q(clearing=True), name="session_clearing"),
        ]

    def __str__(self) -> str:
        return self.public_id  # its title is its owner's, and this stands in logs

    @property
    def project_name(self) -> str | None:
        return self.project.name if self.project else None
