"""What several sessions of one owner have in common: a name, and what the model is told in each of them."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.encryption import EncryptedTextField

from .sessions import announce_all, known

MAX_NAME_CHARS = 255
MAX_DESCRIPTION_CHARS = 2_000
MAX_INSTRUCTIONS_CHARS = 32_000


class ProjectManager(models.Manager["Project"]):
    def counted(self) -> "QuerySet[Project]":
        """Each with its `session_count`, the one changed last first."""
        counted = self.annotate(session_count=Count("sessions", filter=known("sessions__")))
        return counted.order_by("-updated_at", "-id")


class Project(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="projects", db_index=False)
    name = EncryptedTextField(max_length=MAX_NAME_CHARS)
    description = EncryptedTextField(max_length=MAX_DESCRIPTION_CHARS, blank=True, default="", db_default="")
    instructions = EncryptedTextField(
        max_length=MAX_INSTRUCTIONS_CHARS,
        blank=True,
        default="",
        db_default="",
        help_text="given to the model in every session of the project",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProjectManager()

    class Meta:
        indexes = [models.Index(fields=["owner", "-updated_at", "-id"], name="project_list")]

    def __str__(self) -> str:
        return str(self.pk)  # its name is its owner's, and this stands in logs

    def configure(self, **changes: Any) -> None:
        """What a person sets: name, description, instructions. Raises DoesNotExist if the project is gone."""
        Project.objects.filter(pk=self.pk).update(**changes, updated_at=timezone.now())
        self.refresh_from_db()
        if "name" in changes:
            announce_all(self.sessions.all())

    def hold(self) -> None:
        """Keeps the project from being deleted until the transaction ends, for a caller that is about to name it.
        Raises DoesNotExist if it is gone."""
        row = Project.objects.filter(pk=self.pk).select_for_update(no_key=True)
        if not row.values_list("pk").first():
            raise Project.DoesNotExist

    def remove(self) -> None:
        """Its sessions stay, without a project. Raises DoesNotExist if it is gone."""
        with transaction.atomic():
            self.hold()
            announce_all(self.sessions.all())
            # In the order of all who lock several: they would wait for each other.
            list(self.sessions(manager="with_deleting").order_by("pk").select_for_update().values_list("pk"))
            about = f"project:{self.pk}"
            self.delete()
            AuditEntry.objects.note(Act.PROJECT_DELETED, about, owner=str(self.owner_id))
