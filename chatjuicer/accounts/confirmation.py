"""What a stolen token alone may not do: the password is asked for again."""

from rest_framework.request import Request

from chatjuicer.accounts.authentication import credentials_of
from chatjuicer.accounts.models import User
from chatjuicer.accounts.serializers import PasswordSerializer
from chatjuicer.api import limits


def user_with_password(request: Request) -> User:
    """The caller, whose `password` stands in the body. A wrong one counts as a try to sign in; raises what
    `User.confirm_password` raises, TooManyRequests and DRF's ValidationError."""
    user = credentials_of(request).user
    form = PasswordSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    limits.spend_sign_in(request, user.email)
    user.confirm_password(form.validated_data["password"])
    return user
