"""Account by account: the user, the projects, then each session in a transaction of its own. What is there already is
passed over, known by its id in the original, so that all of it can be repeated."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from chatjuicer.accounts.hashers import BroughtBcrypt
from chatjuicer.accounts.models import User
from chatjuicer.accounts.models.user import normal
from chatjuicer.api.exceptions import ApiError
from files_app.incoming import directory
from files_app.transfer.exceptions import UnreadableArchive
from files_app.transfer.formats.tree import text
from files_app.transfer.records import MAX_MESSAGES, Line, MessageLine, encode
from files_app.transfer.session import Part, is_here, take_in
from sessions_app.models import AccountLog, ChatSession, Project
from sessions_app.models.project import MAX_DESCRIPTION_CHARS

from .database import Database, Row
from .folder import Objects, SessionFiles, Upload, here
from .links import Links, Mark
from .report import Report
from .rows import (
    context_item,
    context_line,
    first_time,
    message_line,
    origin_of,
    project_line,
    session_line,
)

SEEDED_EMAIL, SEEDED_PASSWORD = "local@chatjuicer.dev", "localdev"
"""The account that every original began with; its password is published."""


class Bucket(Objects, Protocol):
    def sessions(self) -> Iterator[str]:
        """The names of those that have files. Raises UnreadableArchive."""


def move_in(source: Database, folder: Path | None, bucket: Bucket | None, report: Report) -> None:
    """`folder` holds a folder of files for each session, by its name, and so does `bucket`."""
    whole = Import(source, folder, bucket, report)
    for row in source.rows("users", order="created_at, email"):
        account = whole.account(row)
        if account is not None:
            AccountImport(whole, account, row["id"] or "").all()
    if unindexed := source.count("context_chunks"):
        report.tell(f"{unindexed} passages of its search index are not taken in: the search here makes its own.")
    whole.tell_of_strange_folders()


class Import:
    """What all accounts have in common."""

    def __init__(self, source: Database, folder: Path | None, bucket: Bucket | None, report: Report) -> None:
        self.source, self.folder, self.bucket, self.report = source, folder, bucket, report
        self.shared_names = source.names_of_several()
        self._done, self._of = 0, source.count("sessions")

    def session_done(self) -> None:
        self._done += 1
        self.report.progress(self._done, self._of)

    def account(self, row: Row) -> User | None:
        """None where it cannot be taken in."""
        email = normal(row["email"] or "")
        try:
            id = UUID(row["id"])
            if (user := User.objects.filter(pk=id).first()) is not None:
                self.report.here["account"] += 1
                return user
            if (user := User.objects.filter(email=email).first()) is not None:
                return self._same_address(user, email)
            validate_email(email)
            user = User.objects.bring(
                id,
                email,
                self._password(email, row["password_hash"] or ""),
                display_name=text(row.get("display_name"), 150),
                created_at=first_time(row.get("created_at")),
            )
        except (ValidationError, ValueError, ApiError) as error:
            reason = error.message if isinstance(error, ApiError) else "Its id or address is none."
            self.report.leave("account", email, f"{reason} Its sessions are not taken in either.")
            return None
        self.report.taken["account"] += 1
        return user

    def _same_address(self, user: User, email: str) -> User | None:
        if self.source.has_user(str(user.pk)):
            self.report.leave("account", email, "Another account there has this address in other letters.")
            return None
        self.report.here["account"] += 1
        self.report.remark(
            "account", email, "There is one of this address. It keeps its own password, and gets the sessions."
        )
        return user

    def _password(self, email: str, hash: str) -> str | None:
        stored = BroughtBcrypt.stored(hash)
        if stored is None:
            self.report.leave("password", email, "Its hash is none of bcrypt's. Set one: manage.py reset_password.")
        elif email == SEEDED_EMAIL and BroughtBcrypt().verify(SEEDED_PASSWORD, stored):
            self.report.leave("password", email, "Everybody can read it in the original's code. Set another one.")
            return None
        return stored

    def tell_of_strange_folders(self) -> None:
        names = {path.name for path in self.folder.iterdir() if path.is_dir()} if self.folder else set[str]()
        if self.bucket:
            try:
                names.update(self.bucket.sessions())
            except UnreadableArchive as error:
                self.report.leave("bucket", "", error.message)
        for name in sorted(names):
            if not name.startswith(".") and not self.source.has_session(name):
                self.report.leave("folder", name, "No session has this name: it was deleted there.")


class AccountImport:
    """One account."""

    def __init__(self, whole: Import, user: User, id: str) -> None:
        self._source, self._report, self._whole = whole.source, whole.report, whole
        self._user, self._id = user, id
        self._projects: dict[str | None, Project] = {}

    def all(self) -> None:
        taken = self._report.taken["session"]
        try:
            for row in self._source.rows("projects", "user_id = %s", self._id, order="created_at, id"):
                self._project(row)
            with tempfile.TemporaryFile(dir=directory()) as spool:
                for row in self._source.rows("sessions", "user_id = %s", self._id, order="created_at, id"):
                    self._session(row, spool)
                    self._whole.session_done()
        finally:
            if self._report.taken["session"] > taken:
                with transaction.atomic():
                    AccountLog.objects.restart(self._user.pk)

    def _project(self, row: Row) -> None:
        key = row["id"] or ""
        try:
            line = project_line(row)
        except (UnreadableArchive, ValueError) as error:
            self._report.leave("project", row.get("name") or key, reason_of(error))
            return
        if len(row["description"] or "") > MAX_DESCRIPTION_CHARS:
            self._report.remark("project", line.name, f"Its description is cut to {MAX_DESCRIPTION_CHARS} characters.")
        project = Project.objects.filter(pk=UUID(line.id)).first()
        if project is not None and project.owner_id != self._user.pk:
            self._report.leave("project", line.name, "Another account has it here.")
            return
        (self._report.here if project else self._report.taken)["project"] += 1
        self._projects[key] = project or Project.objects.create(
            pk=UUID(line.id),
            owner=self._user,
            name=line.name,
            description=line.description,
            created_at=line.created_at,
            updated_at=line.updated_at,
        )

    def _session(self, row: Row, spool: IO[bytes]) -> None:
        name = f"{self._user.email} {row['session_id']}"
        try:
            if self._is_here(origin_of(row)):
                self._report.here["session"] += 1
                return
            with tempfile.TemporaryDirectory(dir=directory()) as scratch:
                files = SessionFiles(Path(scratch), self._report, row["session_id"] or "")
                lines = SessionLines(self._whole, row, files, spool)
                part = lines.part(name)
                if take_in(self._user, part, files, lambda _: self._projects.get(row.get("project_id"))):
                    self._report.taken += lines.counted
        except ApiError as error:
            self._report.leave("session", name, error.message)

    def _is_here(self, origin: str) -> bool:
        """Also where its owner has put it into the trash."""
        return is_here(self._user, origin) or ChatSession.trash.filter(owner=self._user, origin=origin).exists()


class SessionLines:
    """One session, written as lines of an archive."""

    def __init__(self, whole: Import, row: Row, files: SessionFiles, spool: IO[bytes]) -> None:
        self._whole, self._source, self._report = whole, whole.source, whole.report
        self._row, self._files, self._spool = row, files, spool
        self._name = ""
        self.counted: Counter[str] = Counter(session=1)

    def part(self, name: str) -> Part:
        """Raises UnreadableArchive."""
        self._name = name
        self._spool.seek(0)
        self._spool.truncate()
        head = session_line(self._row)
        if len(self._row["title"] or "") > len(head.title):
            self._report.remark("session", name, f"Its title is cut to {len(head.title)} characters.")
        self._write(head)
        self._add_files()
        links = Links()
        for message in self._messages(head.created_at):
            links.add(message)
            self._write(message)
        self._add_context(links)
        for file in self._files.lines:
            self._write(file)
        self.counted["file"] = len(self._files.lines)
        return Part(self._spool, 0, head.title, self._spool.tell())

    def _write(self, line: Line) -> None:
        self._spool.write(encode(line) + b"\n")

    def _add_files(self) -> None:
        uploads: dict[str, Upload] = {}
        for row in self._source.rows("files", "session_id = %s", self._row["id"], order="uploaded_at, ctid"):
            key = f"{row.get('folder') or 'sources'}/{row['filename']}"
            uploads[here(key)] = Upload(key, first_time(row.get("uploaded_at")))
        session = self._row["session_id"] or ""
        there = set[str]() if session in ("", ".", "..") or "/" in session else self._stored(session, uploads)
        for name, upload in uploads.items():
            if name not in there:
                where = (
                    "neither in the folder nor in the bucket"
                    if self._whole.bucket
                    else "not there; in S3 this is its key"
                )
                self._report.leave("file", f"{session}/{upload.key}", f"Its bytes are {where}.")

    def _stored(self, session: str, uploads: Mapping[str, Upload]) -> set[str]:
        """By their names here."""
        only_known = session in self._whole.shared_names
        there: set[str] = set()
        if self._whole.folder is not None:
            there |= self._files.add_folder(self._whole.folder / session, uploads, only_known=only_known)
        if self._whole.bucket is not None:
            there |= self._files.add_objects(self._whole.bucket, uploads, only_known=only_known, but=there)
        return there

    def _messages(self, before: datetime) -> Iterator[MessageLine]:
        number = 0
        for row in self._source.rows("messages", "session_id = %s", self._row["id"], order="created_at, ctid"):
            if number == MAX_MESSAGES:
                raise UnreadableArchive("It has too many messages.")
            try:
                line = message_line(row, number + 1, before, self._files.picture)
            except UnreadableArchive:
                self._report.leave(
                    "message", f"{self._name} {row['id']}", f"It is not as a message should be (role {row['role']})."
                )
                continue
            number, before = number + 1, line.created_at
            self.counted["message"] += 1
            yield line

    def _add_context(self, links: Links) -> None:
        """Read twice: what an item stands for shows only when all of them are known."""
        numbers = iter(links.of([Mark.of(item) for _, item in self._items()]))
        for row, item in self._items(telling=True):
            try:
                self._write(context_line(item, next(numbers), self._files.picture))
                self.counted["context item"] += 1
            except UnreadableArchive as error:
                self._report.leave("context item", f"{self._name} {row['id']}", error.message)

    def _items(self, *, telling: bool = False) -> Iterator[tuple[Row, dict[str, object]]]:
        order = self._source.order_of_context()
        for row in self._source.rows("llm_context", "session_id = %s", self._row["id"], order=order):
            try:
                yield row, context_item(row)
            except UnreadableArchive:
                if telling:
                    self._report.leave("context item", f"{self._name} {row['id']}", "It is no JSON object.")


def reason_of(error: Exception) -> str:
    return error.message if isinstance(error, ApiError) else "It is not as it should be."
