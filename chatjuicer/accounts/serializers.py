from typing import Any

from rest_framework import serializers

from chatjuicer.accounts.models import TokenFamily, User
from chatjuicer.accounts.models.user import Theme
from chatjuicer.accounts.passwords import refuse_weak
from chatjuicer.api.fields import Choice, Text

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


class MeSerializer(UserSerializer):
    preferences = PreferencesSerializer(source="*")

    class Meta(UserSerializer.Meta):
        fields = ("id", "email", "display_name", "preferences")  # type: ignore[assignment]


class MeChangesSerializer(serializers.Serializer[Any]):
    display_name = Text(max_length=150, allow_blank=True, required=False, trim_whitespace=True)
    preferences = PreferencesSerializer(source="*", required=False)


class PasswordSerializer(serializers.Serializer[Any]):
    password = Text(max_length=1024)


class RegistrationSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = Text(min_length=8, max_length=128)
    display_name = Text(max_length=150, allow_blank=True, default="", trim_whitespace=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_weak(attrs["password"], User(email=attrs["email"]), "password")
        return attrs


class PasswordChangeSerializer(serializers.Serializer[Any]):
    """The context holds the `user`."""

    current_password = Text(max_length=1024)
    new_password = Text(min_length=8, max_length=128)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_weak(attrs["new_password"], self.context["user"], "new_password")
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


class SuccessSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
