"""The audit log over REST, for staff: read, searched, verified and taken along."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from chatjuicer.accounts.models import Act, AuditEntry, User
from chatjuicer.accounts.rights import IsStaff
from chatjuicer.accounts.scopes import HasScope
from chatjuicer.api.downloads import streamed_download
from chatjuicer.api.fields import DAY_OR_TIME, Choice, DayOrTime, Text
from chatjuicer.api.parameters import number, number_parameter, text_parameter
from chatjuicer.api.times import between

PAGE = 100
MAX_SEQ = 2**63 - 1
MAX_WHO_CHARS = 254
MAX_PEOPLE = 100  # that one part of an address may mean
PIECE = 500  # lines, of an export
OF_USER = "user:"

FILTERS = [
    text_parameter("who", "A part of an e-mail address, or an id: what they did and met.", MAX_WHO_CHARS),
    OpenApiParameter("action", {"type": "string", "enum": [act.value for act in Act]}),
    OpenApiParameter("from", DAY_OR_TIME, description="The first day (UTC), or a time."),
    OpenApiParameter("to", DAY_OR_TIME, description="The last day, or a time."),
]


class AuditQuerySerializer(serializers.Serializer[None]):
    who = Text(max_length=MAX_WHO_CHARS, required=False, allow_blank=True, trim_whitespace=True)
    action = Choice(choices=Act.choices, required=False, allow_blank=True)
    to = DayOrTime(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": DayOrTime(required=False), **super().get_fields()}


class AuditLineSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField(allow_null=True, help_text="A user's id; null: nobody who is known.")
    action = serializers.ChoiceField(choices=[act.value for act in Act])
    object = serializers.CharField(allow_blank=True, help_text="kind:id")
    address = serializers.CharField(allow_blank=True)
    details = serializers.DictField()


@extend_schema_serializer(many=False)
class AuditSerializer(serializers.Serializer[Any]):
    entries = AuditLineSerializer(many=True)
    people = serializers.DictField(
        child=serializers.CharField(),
        help_text="E-mail addresses by id, of those in these lines who are still there.",
    )
    next_cursor = serializers.CharField(allow_null=True)


class AuditChainSerializer(serializers.Serializer[Any]):
    lines = serializers.IntegerField()
    broken_at = serializers.IntegerField(
        allow_null=True, help_text="The first line that is not as it was written, or does not follow the one before it."
    )
    unknown_key = serializers.BooleanField(
        help_text="Whether that line is said to be sealed by a key that is neither SECRET_KEY nor a fallback: without"
        " it nobody can tell."
    )
    sealed_from = serializers.IntegerField(
        allow_null=True, help_text="The first line with a seal: 1, or that of the upgrade which brought them."
    )
    digest = serializers.CharField(allow_blank=True, help_text="Of the last line: kept elsewhere, it shows a cut tail.")


class AuditViewSet(ViewSet):
    permission_classes = [IsAuthenticated, HasScope, IsStaff]

    @extend_schema(
        operation_id="list_audit",
        parameters=[number_parameter("cursor", "A next_cursor."), *FILTERS],
        responses=AuditSerializer,
    )
    def list(self, request: Request) -> Response:
        """Who did what, when and from where, newest first. For staff, as all of these."""
        query: dict[str, Any] = dict(request.query_params.items())
        before = number(query, "cursor", MAX_SEQ)
        found = list(asked_for(request).filter(seq__lt=before).order_by("-seq")[: PAGE + 1])
        return Response(
            {
                "entries": [entry.representation() for entry in found[:PAGE]],
                "people": people_in(found[:PAGE]),
                "next_cursor": str(found[PAGE - 1].seq) if len(found) > PAGE else None,
            }
        )

    @extend_schema(operation_id="verify_audit", responses=AuditChainSerializer)
    def chain(self, request: Request) -> Response:
        """Reads all lines, and whether each is as it was written and follows the one before it: a minute of some
        millions."""
        lines, broken, digest = 0, None, ""
        for entry, whole in AuditEntry.objects.verified():
            lines, digest = lines + 1, entry.digest
            broken = entry if broken is None and not whole else broken
        first = AuditEntry.objects.first_sealed()
        return Response(
            {
                "lines": lines,
                "broken_at": broken.seq if broken else None,
                "unknown_key": bool(broken and broken.has_unknown_key),
                "sealed_from": first.seq if first else None,
                "digest": digest,
            }
        )

    @extend_schema(
        operation_id="export_audit", parameters=FILTERS, responses={(200, "application/x-ndjson"): OpenApiTypes.STR}
    )
    def export(self, request: Request) -> HttpResponseBase:
        """The lines as JSON lines, oldest first, with their numbers, digests and seals; also a line of the log."""
        chosen = asked_for(request)
        last = AuditEntry.objects.record(Act.AUDIT_EXPORTED, by="api")
        return streamed_download(written(chosen.filter(seq__lte=last.seq)), "application/x-ndjson", "audit.jsonl")


def asked_for(request: Request) -> QuerySet[AuditEntry]:
    """Raises ValidationError."""
    form = AuditQuerySerializer(data=request.query_params.dict())  # a form's empty field would be none
    form.is_valid(raise_exception=True)
    asked = form.validated_data
    since: date | None = asked.get("from")
    chosen = between(since, asked.get("to"), "at")
    if asked.get("who"):
        chosen &= about(asked["who"])
    if asked.get("action"):
        chosen &= Q(action=asked["action"])
    found: QuerySet[AuditEntry] = AuditEntry.objects.filter(chosen)
    return found


def about(who: str) -> Q:
    """What somebody did, and what was done to their accounts; the log also has those who are gone, by their ids."""
    ids = {str(pk) for pk in User.objects.filter(email__icontains=who).values_list("pk", flat=True)[:MAX_PEOPLE]}
    if given := id_in(who):
        ids.add(given)
    return Q(actor__in=ids) | Q(object__in=[OF_USER + one for one in ids])


def id_in(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def people_in(entries: Iterable[AuditEntry]) -> dict[str, str]:
    """In the details, too: whom a group was given, say."""
    named = {
        name
        for entry in entries
        for name in (entry.actor, entry.object.removeprefix(OF_USER), *entry.details.values())
        if isinstance(name, str)
    }
    ids = {one for name in named if (one := id_in(name))}
    return {str(pk): email for pk, email in User.objects.filter(pk__in=ids).values_list("pk", "email")}


def written(entries: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """In pieces as they are read: of a log of millions of lines, too."""
    part = list(entries.order_by("seq")[:PIECE])
    while part:
        yield b"".join(entry.as_line() + b"\n" for entry in part)
        part = list(entries.filter(seq__gt=part[-1].seq).order_by("seq")[:PIECE])
