"""The admin, with the second factor of those who have one."""

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from chatjuicer.accounts.exceptions import TotpForStaff, TotpRequired
from chatjuicer.accounts.models import User
from chatjuicer.accounts.second_factor import may_administer, prove_second_factor
from chatjuicer.observability.context import acting_user


class SignInForm(AdminAuthenticationForm):
    totp = forms.CharField(
        label="One-time password, if you have one",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code"}),
    )

    def confirm_login_allowed(self, user: User) -> None:
        super().confirm_login_allowed(user)
        try:
            prove_second_factor(user, self.cleaned_data.get("totp", ""))
        except TotpRequired as error:
            raise ValidationError(error.message, code=error.code) from None
        if not may_administer(user):
            raise ValidationError(TotpForStaff.message, code=TotpForStaff.code)


class Site(AdminSite):
    login_form = SignInForm
    login_template = "accounts/admin_login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        user: User | AnonymousUser = request.user
        if not isinstance(user, User) or not may_administer(user):
            return False
        acting_user.set(user.pk)
        return True
