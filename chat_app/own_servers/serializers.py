"""How a person's MCP servers look in JSON. What lets us in there is written, and never read."""

import re
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from chatjuicer.accounts.models.group_allowance import stands_in
from chatjuicer.api.destinations import address, require_sendable
from chatjuicer.api.fields import Choice, Flag, Text
from sessions_app.models import McpServer
from sessions_app.models.mcp_server import NAME

MAX_HEADERS = 8
MAX_HEADER_CHARS = 4_096
MAX_STATE_CHARS = 128
MAX_CODE_CHARS = 8_192
HEADER_NAME = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
HEADER_VALUE = re.compile(r"^[!-~]([ -~]*[!-~])?\Z")
OF_THE_CONNECTION = {
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "keep-alive", "last-event-id", "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
ASKS = ("always",)
CALLED = "Sessions and agents choose it by `own/` and this, and its tools begin with it; so it stays."


class Name(Text, serializers.RegexField):
    def __init__(self) -> None:
        super().__init__(regex=re.compile(rf"^{NAME.pattern}\Z"), max_length=32, help_text=CALLED)


class HeaderName(Text, serializers.RegexField):
    def __init__(self) -> None:
        super().__init__(regex=HEADER_NAME, max_length=64)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name.lower() in OF_THE_CONNECTION or name.lower().startswith("mcp-"):
            raise ValidationError("This header belongs to the connection itself.")
        return name


class HeaderValue(Text, serializers.RegexField):
    def __init__(self) -> None:
        super().__init__(regex=HEADER_VALUE, max_length=MAX_HEADER_CHARS)


class HeaderSerializer(serializers.Serializer[None]):
    name = HeaderName()
    value = HeaderValue()


class ServerChangesSerializer(serializers.Serializer[None]):
    url = address(required=False, help_text="https, of a public host; of MCP_NETWORKS http, too.")
    headers = serializers.ListField(
        child=HeaderSerializer(),
        required=False,
        max_length=MAX_HEADERS,
        help_text="That each request carries, such as a token that the server gave; kept sealed, and shown to nobody.",
    )
    require_approval = Choice(
        choices=ASKS,
        required=False,
        allow_null=True,
        help_text="null: as the server's tools say of themselves; `always`: each call of them waits for a decision.",
    )
    in_new_chats = Flag(required=False, help_text="Whether sessions that are made without `mcp_config` choose it.")

    def validate_url(self, url: str) -> str:
        return require_sendable(url, settings.MCP_NETWORKS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "headers" in attrs:
            attrs["headers"] = {header["name"]: header["value"] for header in attrs["headers"]}
        if "require_approval" in attrs:
            attrs["always_asks"] = attrs.pop("require_approval") == "always"
        return attrs


class NewServerSerializer(ServerChangesSerializer):
    name = Name()
    url = address(help_text="https, of a public host; of MCP_NETWORKS http, too.")


class ServerSerializer(serializers.ModelSerializer[McpServer]):
    """The context holds the `allowance` of its person."""

    key = serializers.CharField(help_text="By which a session's or an agent's list chooses it.")
    header_names = serializers.SerializerMethodField()
    require_approval = serializers.SerializerMethodField()
    error = serializers.CharField(
        help_text="With `failed`: not_public, no_such_host, certificate, timeout, no_answer, refused, no_mcp_server."
    )
    allowed = serializers.SerializerMethodField(help_text="By the person's groups; runs pass over it otherwise.")

    class Meta:
        model = McpServer
        fields = (
            "id", "name", "key", "url", "header_names", "require_approval", "in_new_chats", "status", "error",
            "allowed", "connected_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_header_names(self, server: McpServer) -> list[str]:
        return list(server.headers)

    def get_require_approval(self, server: McpServer) -> str | None:
        return "always" if server.always_asks else None

    def get_allowed(self, server: McpServer) -> bool:
        return stands_in(self.context["allowance"].mcp_servers, server.key)


@extend_schema_serializer(many=False)
class ServerListSerializer(serializers.Serializer[None]):
    servers = ServerSerializer(many=True)


class ConnectedSerializer(serializers.Serializer[None]):
    server = ServerSerializer()
    authorization_url = serializers.CharField(
        allow_null=True, help_text="Where the person's browser goes on, if the server wants it; good for ten minutes."
    )


class ReturnedSerializer(serializers.Serializer[None]):
    """What the authorization server has added to the address that it sent the browser back to."""

    state = Text(max_length=MAX_STATE_CHARS)
    code = Text(max_length=MAX_CODE_CHARS, required=False, allow_blank=True, help_text="Empty: it has refused.")
    iss = Text(max_length=2_000, required=False, allow_blank=True)
