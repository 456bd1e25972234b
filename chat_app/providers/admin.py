"""Providers of models in the admin."""

from typing import Any

from django import forms
from django.contrib import admin

from chat_app.exceptions import KeyNeeded
from chat_app.models import ModelProvider
from chat_app.models.provider import require_key
from chatjuicer.api.read_only_admin import NoFilterBySecrets
from sessions_app.providers.kinds import KINDS


class ModelProviderForm(forms.ModelForm):
    """A key is never shown again: what is left empty stays as it is."""

    new_key = forms.CharField(
        label="key",
        required=False,
        max_length=2_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Empty: as it is. Encrypted where MESSAGE_ENCRYPTION_KEYS is set.",
    )
    kind = forms.ChoiceField(choices=[(name, kind.label) for name, kind in KINDS.items()], initial="compatible")
    api = forms.ChoiceField(
        label="API",
        required=False,
        choices=[("", "that kind's"), ("responses", "Responses"), ("chat_completions", "Chat Completions")],
    )
    forget_key = forms.BooleanField(required=False, help_text="It needs none.")

    class Meta:
        model = ModelProvider
        fields = ("name", "enabled", "position", "kind", "url", "api", "api_version", "allowed", "fallbacks")

    def clean(self) -> dict[str, Any]:
        """Nobody learns a key by naming an address of their own."""
        given: dict[str, Any] = self.cleaned_data
        is_given = bool(given.get("new_key") or given.get("forget_key"))
        try:
            require_key(self.changed_data, has_key=bool(self.instance.key), given=is_given)
        except KeyNeeded as error:
            self.add_error("new_key", error.message)
        return given

    def _post_clean(self) -> None:
        if self.cleaned_data.get("forget_key"):
            self.instance.key = ""
        elif key := self.cleaned_data.get("new_key"):
            self.instance.key = key
        super()._post_clean()  # type: ignore[misc]


@admin.register(ModelProvider)
class ModelProviderAdmin(NoFilterBySecrets):
    form = ModelProviderForm
    list_display = ("name", "enabled", "position", "kind", "url", "has_key")
    ordering = ("position", "name")

    @admin.display(description="key", boolean=True)
    def has_key(self, provider: ModelProvider) -> bool:
        return bool(provider.key)
