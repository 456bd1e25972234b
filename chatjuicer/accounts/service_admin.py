"""Service accounts in the admin: who they are, and their API keys, each of which is shown once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache

from chatjuicer.accounts.admin_accounts import ApiKeyInline, RemovesAccounts
from chatjuicer.accounts.exceptions import TooManyKeys
from chatjuicer.accounts.models import ApiKey, Scope, ServiceAccount
from chatjuicer.api.paginator import BoundedPaginator


class NewKeyForm(forms.Form):
    name = forms.CharField(max_length=100)
    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    expires_at = forms.DateTimeField(required=False, help_text="UTC; empty: never", widget=forms.DateTimeInput)


class ServiceForm(forms.ModelForm):
    class Meta:
        model = ServiceAccount
        fields = ("display_name", "is_active", "groups")


@admin.register(ServiceAccount)
class ServiceAdmin(RemovesAccounts):
    form = ServiceForm
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_display = ("display_name", "email", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("display_name", "email")
    filter_horizontal = ("groups",)
    fields = ("display_name", "is_active", "groups", "email", "created_at", "new_key")
    readonly_fields = ("email", "created_at", "new_key")
    inlines = (ApiKeyInline,)

    def get_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> Any:
        if obj:
            return self.fields
        return ("display_name", "groups") if request.user.is_superuser else ("display_name",)

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> Any:
        """Only a superuser gives groups, as to people."""
        return (*self.readonly_fields, *(() if request.user.is_superuser else ("groups",)))

    def get_inlines(self, request: HttpRequest, obj: ServiceAccount | None) -> tuple[Any, ...]:
        return tuple(self.inlines) if obj else ()

    @admin.display(description="another key")
    def new_key(self, service: ServiceAccount) -> str:
        return format_html('<a href="{}">Make one</a>', reverse("admin:accounts_serviceaccount_key", args=[service.pk]))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(never_cache(self.key_page))
        return [path("<uuid:pk>/key/", page, name="accounts_serviceaccount_key"), *super().get_urls()]

    def key_page(self, request: HttpRequest, pk: Any) -> HttpResponse:
        service = get_object_or_404(ServiceAccount, pk=pk)
        if not self.has_change_permission(request, service):
            raise PermissionDenied
        form, key = NewKeyForm(request.POST or None), ""
        if form.is_valid():
            try:
                _, key = ApiKey.objects.issue(service, **form.cleaned_data)
            except TooManyKeys as error:
                form.add_error(None, error.message)
        context = {**self.admin_site.each_context(request), "form": form, "service": service, "key": key}
        title = f"API keys of {service.display_name}"
        return TemplateResponse(request, "accounts/service_key.html", {**context, "opts": self.opts, "title": title})
