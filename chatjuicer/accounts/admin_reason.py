"""Pages of the admin that show what somebody has said: they ask why first, and the audit log keeps the answer."""

import time
from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from chatjuicer.accounts.models import Act, AuditEntry
from chatjuicer.api.read_only_admin import NoFilterBySecrets

GOOD_FOR_S = 30 * 60
KEY = "reasons"  # of the admin's session: {what is read: [the reason, until when it is good]}
MAX_KEPT = 20


class ReasonForm(forms.Form):
    audit_reason = forms.CharField(
        label="Why do you open it?",
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True, "size": 60, "autocomplete": "off"}),
    )


class AsksForReason(NoFilterBySecrets):
    """Subclasses say whose conversation a page shows, and whether their list shows any."""

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

    def _ask(self, request: HttpRequest, object_id: str | None) -> HttpResponse | None:
        """None if the page may be shown, which is then noted."""
        if not self.has_view_permission(request):
            return None  # the page itself says so
        name = self.conversation_of(request, object_id)
        if not name:
            return None
        form = ReasonForm(request.POST if "audit_reason" in request.POST else None)
        kept: dict[str, list[Any]] = request.session.get(KEY, {})
        if form.is_valid():
            kept[name] = [form.cleaned_data["audit_reason"], time.time() + GOOD_FOR_S]
            request.session[KEY] = dict(list(kept.items())[-MAX_KEPT:])
            return HttpResponseRedirect(request.get_full_path())
        reason, until = kept.get(name, ("", 0))
        if until < time.time():
            context = {**self.admin_site.each_context(request), "form": form, "name": name, "opts": self.opts}
            return TemplateResponse(request, "accounts/reason.html", {**context, "title": "Somebody's conversation"})
        AuditEntry.objects.record(Act.CONVERSATION_READ, name, reason=reason, page=self.opts.model_name or "")
        return None


def usual_spelling(key: str) -> str:
    """Of a UUID, which may be written in other ways: the log is searched for the usual one."""
    with suppress(ValueError):
        return str(UUID(key))
    return key
