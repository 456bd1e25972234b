"""What a stolen token alone may not do: the password is asked for again."""

from datetime import timedelta

from django.utils import timezone
from rest_framework.request import Request

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.exceptions import SignInAgain
from chatjuicer.accounts.models import TokenFamily, User
from chatjuicer.accounts.serializers import PasswordSerializer
from chatjuicer.api import limits
from chatjuicer.api.bodies import valid

FRESH_FOR = timedelta(minutes=10)


def proven_user(request: Request) -> User:
    """The caller, whose `password` stands in the body; or, of an account without one, who has signed in just now. A
    wrong one counts as a try to sign in; raises what `User.confirm_password` raises, SignInAgain, TooManyRequests and
    DRF's ValidationError."""
    credentials = credentials_of(request)
    if credentials.user.has_usable_password():
        form = valid(PasswordSerializer, request)
        limits.spend_sign_in(request, credentials.user.email)
        credentials.user.confirm_password(form.validated_data["password"])
        return credentials.user
    fresh = TokenFamily.objects.filter(user=credentials.user, created_at__gt=timezone.now() - FRESH_FOR)
    if credentials.family_id is None or not fresh.filter(pk=credentials.family_id).exists():
        raise SignInAgain()
    return credentials.user
