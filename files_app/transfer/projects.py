from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from uuid import UUID

import orjson
from django.db import transaction

from chatjuicer.accounts.models import User
from sessions_app.models import Project

from .records import ProjectLine


class Projects:
    """The account's, which sessions of one archive ask for in turn. They may be many and long, and are sealed, so that
    the database finds none by what it says: all are read again only when there are more or fewer than before."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._of: dict[bytes, UUID] = {}
        self._count = 0

    def same_or_new(self, line: ProjectLine | None) -> Project | None:
        """In the transaction of the session that is to be in it."""
        if line is None:
            return None
        if (same := self._same(line)) is not None:
            return same
        project = Project.objects.create(
            owner=self._user,
            name=line.name,
            description=line.description,
            instructions=line.instructions,
            created_at=line.created_at,
            updated_at=line.updated_at,
        )
        transaction.on_commit(partial(self._came, project))
        return project

    def _came(self, project: Project) -> None:
        self._of[digest(project)] = project.pk
        self._count += 1

    def _same(self, line: ProjectLine) -> Project | None:
        if self._user.projects.count() != self._count:
            self._read(self._user.projects.order_by("-created_at", "-pk").iterator(chunk_size=100))
        key = self._of.get(digest(line))
        project = self._user.projects.filter(pk=key).first() if key else None
        return project if project and digest(project) == digest(line) else None  # unless it has just been changed

    def _read(self, projects: Iterable[Project]) -> None:
        self._of, self._count = {}, 0
        for project in projects:
            self._came(project)


def digest(project: Project | ProjectLine) -> bytes:
    return sha256(orjson.dumps([project.name, project.description, project.instructions])).digest()
