"""Which passwords are good enough: AUTH_PASSWORD_VALIDATORS, asked in one place."""

from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import exceptions

if TYPE_CHECKING:
    from chatjuicer.accounts.models import User


def refuse_weak(password: str, user: "User", field: str) -> None:
    """Raises DRF's ValidationError, with the reasons, for what is short, common or like the user's e-mail address.

    `field` is the name under which the client sent it.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise exceptions.ValidationError({field: error.messages}) from None
