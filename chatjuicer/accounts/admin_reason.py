"""Pages of the admin that show what somebody has said, or delete it: they ask why first, and the audit log keeps the
answer."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.api.read_only_admin import NoFilterBySecrets
from chatjuicer.observability.context import because

GOOD_FOR_S = 30 * 60
KEY = "reasons"  # of the admin's session: {what is read or deleted: [the reason, until when it is good]}
MAX_KEPT = 20
DELETE = "delete_selected"
CARRIED = ("action", ACTION_CHECKBOX_NAME, "select_across")
"""Of the form of a list: what is to be done, and to which rows."""

READING = {
    "title": "Somebody's conversation",
    "says": "This page shows what somebody has said. The audit log keeps that you have opened it, and why.",
    "submit": "Open",
}
DELETING = {
    "title": "Somebody's, to be deleted",
    "says": "This is somebody's. If you delete it, the audit log keeps that, and why.",
    "submit": "Go on",
}


class ReasonForm(forms.Form):
    audit_reason = forms.CharField(
        label="Why do you do so?",
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True, "size": 60, "autocomplete": "off"}),
    )


class AsksForReason(NoFilterBySecrets):
    """Subclasses say whose conversation a page shows, and whether their list shows any. Where it does not, neither may
    the names of its rows, which Django writes on pages of deletion and history, and into its own log."""

    list_shows_content = True

    def conversation_of(self, request: HttpRequest, object_id: str | None) -> str:
        """As the audit log names it, or "" if there is none; `object_id` is None for the list."""
        raise NotImplementedError

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        asking = self._ask(request, None) if self.list_shows_content else None
        return asking or super().changelist_view(request, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._ask(request, object_id) or super().change_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_delete_permission(request):
            return super().delete_view(request, object_id, extra_context)
        name = self.conversation_of(request, object_id)
        if not (reason := given(request, name)):
            return self._asking(request, DELETING)
        if was_asked(request):
            return HttpResponseRedirect(request.get_full_path())
        with because(reason):
            return super().delete_view(request, object_id, extra_context)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        if DELETE not in request.POST.getlist("action") or not self.has_delete_permission(request):
            return super().response_action(request, queryset, *args, **kwargs)
        if not (reason := given(request, f"{self.opts.model_name}:*")):
            carried = [(name, value) for name in CARRIED for value in request.POST.getlist(name)]
            return self._asking(request, DELETING, carried)
        with because(reason):
            return super().response_action(request, queryset, *args, **kwargs)

    def _ask(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """None if the page may be shown, which is then noted."""
        if not self.has_view_permission(request):
            return None  # the page itself says so
        name = self.conversation_of(request, object_id)
        if not name:
            return None
        if not (reason := given(request, name)):
            return self._asking(request, READING)
        if was_asked(request):
            return HttpResponseRedirect(request.get_full_path())
        AuditEntry.objects.record(Act.CONVERSATION_READ, name, reason=reason, page=self.opts.model_name or "")
        return None

    def _asking(
        self, request: HttpRequest, said: dict[str, str], carried: Iterable[tuple[str, str]] = ()
    ) -> HttpResponse:
        form = ReasonForm(request.POST if was_asked(request) else None)
        context = {**self.admin_site.each_context(request), "form": form, "opts": self.opts, "carried": carried, **said}
        return TemplateResponse(request, "accounts/reason.html", context)


def was_asked(request: HttpRequest) -> bool:
    return "audit_reason" in request.POST


def given(request: HttpRequest, name: str) -> str:
    """The reason that is given now, which is kept, or was lately; "" where there is none."""
    kept: dict[str, list[Any]] = request.session.get(KEY, {})
    form = ReasonForm(request.POST)
    if form.is_valid():
        kept[name] = [form.cleaned_data["audit_reason"], time.time() + GOOD_FOR_S]
        request.session[KEY] = dict(list(kept.items())[-MAX_KEPT:])
    reason, until = kept.get(name, ("", 0))
    return reason if until >= time.time() else ""


def usual_spelling(key: str) -> str:
    """Of a UUID, which may be written in other ways: the log is searched for the usual one."""
    with suppress(ValueError):
        return str(UUID(key))
    return key
