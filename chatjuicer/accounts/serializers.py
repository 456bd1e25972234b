from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chatjuicer.accounts.exceptions import WrongInviteCode
from chatjuicer.accounts.models import ApiKey, Scope, TokenFamily, Totp, User
from chatjuicer.accounts.models.user import Theme
from chatjuicer.accounts.passwords import refuse_weak
from chatjuicer.api.fields import Choice, Text
from chatjuicer.api.schema import BODY

MAX_INSTRUCTIONS_CHARS = 8_000


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "email", "display_name")
        read_only_fields = fields


class PreferencesSerializer(serializers.Serializer[Any]):
    theme = Choice(choices=Theme.choices, required=False)
    default_model = Text(
        max_length=128, allow_blank=True, required=False, help_text="Of new sessions; empty: the server's."
    )
    instructions = Text(
        max_length=MAX_INSTRUCTIONS_CHARS,
        allow_blank=True,
        required=False,
        help_text="What the agent is told in every session.",
    )


class ShownPreferencesSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("theme", "default_model", "instructions")
        read_only_fields = fields


class MeSerializer(UserSerializer):
    groups = serializers.SlugRelatedField[Group]("name", many=True, read_only=True)
    has_password = serializers.BooleanField(source="has_usable_password")
    has_totp = serializers.SerializerMethodField(help_text="Whether one-time passwords are on.")
    recovery_codes_left = serializers.IntegerField(
        source="recovery_codes.count", help_text="Of those that were issued with one-time passwords, or renewed."
    )
    preferences = ShownPreferencesSerializer(source="*")

    class Meta(UserSerializer.Meta):
        fields = (  # type: ignore[assignment]
            "id", "email", "display_name", "is_service", "is_staff", "has_password", "has_totp",
            "recovery_codes_left", "groups", "preferences",
        )  # fmt: skip

    def get_has_totp(self, user: User) -> bool:
        return Totp.objects.is_on(user)


class MeChangesSerializer(serializers.Serializer[Any]):
    display_name = Text(max_length=150, allow_blank=True, required=False, trim_whitespace=True)
    preferences = PreferencesSerializer(source="*", required=False)


class PasswordSerializer(serializers.Serializer[Any]):
    password = Text(max_length=1024)


# The generator gives a DELETE no body of a serializer.
PASSWORD_BODY = {
    BODY: {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["password"],
                    "properties": {
                        "password": {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": "^[^\\u0000]*$"}
                    },
                }
            }
        },
    }
}


class RegistrationSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = Text(min_length=8, max_length=128)
    display_name = Text(max_length=150, allow_blank=True, allow_null=True, default="", trim_whitespace=True)
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
        refuse_weak(attrs["password"], User(email=attrs["email"]), "password")
        return attrs | {"display_name": attrs["display_name"] or ""}


class PasswordChangeSerializer(serializers.Serializer[Any]):
    current_password = Text(max_length=1024)
    new_password = Text(min_length=8, max_length=128)


class EmailSerializer(serializers.Serializer[Any]):
    email = Text(max_length=254, trim_whitespace=True)


class EmailChangeSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = Text(
        max_length=1024, required=False, help_text="Of an account that has one; any other must have signed in just now."
    )


class EmailTokenSerializer(serializers.Serializer[Any]):
    token = Text(max_length=512, trim_whitespace=True)


class ConfirmedEmailSerializer(serializers.Serializer[Any]):
    email = serializers.CharField(help_text="The account's from now on.")


class ResetConfirmSerializer(serializers.Serializer[Any]):
    token = Text(max_length=256, trim_whitespace=True)
    new_password = Text(min_length=8, max_length=128)


class LoginSerializer(serializers.Serializer[Any]):
    email = Text(max_length=254, trim_whitespace=True)
    password = Text(max_length=1024)
    totp = Text(
        max_length=64,
        allow_blank=True,
        allow_null=True,
        default="",
        trim_whitespace=True,
        help_text="A one-time password or a recovery code, where the account has them.",
    )


class CodeSerializer(serializers.Serializer[Any]):
    code = Text(max_length=64, trim_whitespace=True)


class TotpSetupSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Base32; shown this once.")
    uri = serializers.CharField(help_text="otpauth://…, for a QR code.")


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    recovery_codes = serializers.ListField(child=serializers.CharField(), help_text="Shown this once.")


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


class DeviceSerializer(serializers.Serializer[Any]):
    """The context holds the `family_id` of the request."""

    id = serializers.UUIDField()
    user_agent = serializers.CharField()
    address = serializers.CharField(help_text="Where it was last refreshed from; of IPv6 the network.")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(help_text="When it last got new tokens.")
    current = serializers.SerializerMethodField(help_text="Whether the request came from it.")

    def get_current(self, family: TokenFamily) -> bool:
        return family.pk == self.context["family_id"]


class DeviceListSerializer(serializers.Serializer[Any]):
    devices = DeviceSerializer(many=True)


class IdentitySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    provider = serializers.CharField(
        allow_null=True, help_text="A key of OIDC_PROVIDERS; null: it stands there no more, and lets nobody in."
    )
    issuer = serializers.CharField()
    subject = serializers.CharField(help_text="What the provider calls the person.")
    linked_at = serializers.DateTimeField(source="created_at")


@extend_schema_serializer(many=False)
class IdentityListSerializer(serializers.Serializer[Any]):
    identities = IdentitySerializer(many=True)


class NewKeySerializer(serializers.Serializer[Any]):
    name = Text(max_length=100, trim_whitespace=True)
    scopes = serializers.ListField(child=Choice(choices=Scope.choices), min_length=1, max_length=len(Scope))
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Unset: never.")

    def validate_expires_at(self, at: datetime | None) -> datetime | None:
        if at is not None and at <= timezone.now():
            raise serializers.ValidationError("A time in the future is expected.")
        return at


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))

    class Meta:
        model = ApiKey
        fields = ("id", "name", "scopes", "prefix", "created_at", "expires_at", "last_used_at")
        read_only_fields = fields


@extend_schema_serializer(many=False)
class KeyListSerializer(serializers.Serializer[Any]):
    keys = KeySerializer(many=True)


class IssuedKeySerializer(KeySerializer):
    key = serializers.SerializerMethodField(help_text="Shown this once.")

    class Meta(KeySerializer.Meta):
        fields = ("key", *KeySerializer.Meta.fields)  # type: ignore[assignment]

    def get_key(self, key: ApiKey) -> str:
        return str(self.context["text"])
