from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework import serializers

from chatjuicer.accounts.exceptions import WrongInviteCode
from chatjuicer.accounts.models import User
from chatjuicer.api.fields import Text


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "display_name")
        read_only_fields = fields


class RegistrationSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = Text(min_length=8, max_length=128)
    display_name = Text(max_length=150, allow_blank=True, default="", trim_whitespace=True)
    invite_code = Text(
        max_length=255,
        allow_blank=True,
        allow_null=True,
        default="",
        help_text="Where REGISTRATION_INVITE_CODE is set, this one.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raises WrongInviteCode. The code is no part of an account."""
        given, expected = attrs.pop("invite_code") or "", settings.REGISTRATION_INVITE_CODE
        if expected and not constant_time_compare(given, expected):
            raise WrongInviteCode()
        return attrs


class LoginSerializer(serializers.Serializer[Any]):
    email = Text(max_length=254, trim_whitespace=True)
    password = Text(max_length=1024)


class RefreshTokenSerializer(serializers.Serializer[Any]):
    refresh_token = Text(max_length=4096, trim_whitespace=True)


class GrantSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    user = UserSerializer()


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


class SuccessSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
