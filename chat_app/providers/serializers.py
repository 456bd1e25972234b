"""The shapes of providers of models; no key is told."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chat_app.models import ModelProvider
from chatjuicer.api.fields import Choice, Flag, Number, Text
from sessions_app.providers.kinds import KIND_NAMES
from sessions_app.providers.provider import MAX_FALLBACKS, MAX_ID_CHARS, MAX_IDS, NAME, is_address

MAX_KEY_CHARS = 2_000
MAX_POSITION = 2**15 - 1
APIS = ["responses", "chat_completions"]


class ProviderSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(allow_null=True, help_text="Null: it stands in the settings.")
    name = serializers.CharField(allow_blank=True, help_text="Empty: the default one.")
    kind = serializers.CharField(help_text="As people call it.")
    host = serializers.CharField(allow_blank=True, help_text="Of its address; the rest may be a secret.")
    enabled = serializers.BooleanField()
    models = serializers.IntegerField(help_text="That can be chosen now.")
    has_list = serializers.BooleanField(
        allow_null=True, help_text="Whether its list was had since the start; null: it gives none."
    )


class ProviderName(Text, serializers.RegexField):
    def __init__(self, **kwargs: Any) -> None:
        about = "Tells models of the same id apart, as in name/model."
        super().__init__(regex=rf"^{NAME.pattern}\Z", help_text=about, **kwargs)


class ModelNames(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Text(max_length=MAX_ID_CHARS), **kwargs)


class Fallbacks(serializers.DictField):
    """Each model's."""

    child = ModelNames(max_length=MAX_FALLBACKS)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (len(data) > MAX_IDS or not all(map(is_id, data))):
            raise serializers.ValidationError(f"At most {MAX_IDS} ids of models are expected.")
        return super().to_internal_value(data)


def is_id(name: str) -> bool:
    return 0 < len(name) <= MAX_ID_CHARS and "\x00" not in name


class ProviderChangesSerializer(serializers.Serializer[Any]):
    name = ProviderName(required=False)
    enabled = Flag(required=False, help_text="One that is not also takes the settings' provider of that name out.")
    position = Number(
        min_value=0,
        max_value=MAX_POSITION,
        required=False,
        help_text="Of several that have a model of the same id, the first is asked.",
    )
    kind = Choice(choices=KIND_NAMES, required=False)
    url = Text(max_length=500, allow_blank=True, required=False, help_text="Empty: where that kind is.")
    key = Text(
        max_length=MAX_KEY_CHARS,
        allow_blank=True,
        required=False,
        write_only=True,
        trim_whitespace=True,
        help_text="Never shown again. Left out: as it is, which another `url` or `kind` does not allow; empty: none.",
    )
    api = Choice(choices=APIS, allow_blank=True, required=False, help_text="Empty: that kind's.")
    api_version = Text(max_length=32, allow_blank=True, required=False, help_text="Azure's.")
    models = ModelNames(
        source="allowed",
        max_length=MAX_IDS,
        required=False,
        help_text="Ids that may be used, `*` for any characters; []: all.",
    )
    fallbacks = Fallbacks(required=False, help_text="Who is asked where a model fails: {model: [another]}.")

    def validate_url(self, url: str) -> str:
        """Of what is no part of an address to others nothing could be kept secret."""
        parts = urlsplit(url) if is_address(url) else None
        if url and (parts is None or "@" in parts.netloc or parts.query or parts.fragment):
            raise serializers.ValidationError("An http(s) address without a user and a query is expected.")
        return url


class NewProviderSerializer(ProviderChangesSerializer):
    name = ProviderName()


class ProviderSettingsSerializer(serializers.ModelSerializer[ModelProvider]):
    """What stands in one, but for its key."""

    url = serializers.SerializerMethodField(help_text="Without what may be a secret.")
    has_key = serializers.BooleanField()
    kind = serializers.ChoiceField(choices=KIND_NAMES)
    api = serializers.ChoiceField(choices=APIS, allow_blank=True)
    models = serializers.ListField(child=serializers.CharField(), source="allowed")
    fallbacks = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))

    class Meta:
        model = ModelProvider
        fields = (
            "id", "name", "enabled", "position", "kind", "url", "has_key", "api", "api_version", "models", "fallbacks",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, row: ModelProvider) -> str:
        if not is_address(row.url):
            return ""
        parts = urlsplit(row.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


class KindSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField(help_text="As people call it.")  # type: ignore[assignment]
    url = serializers.CharField(allow_blank=True, help_text="Where it is; empty: an address has to be given.")
    api = serializers.ChoiceField(choices=APIS)


class TryOutSerializer(serializers.Serializer[Any]):
    name = Text(max_length=32, allow_blank=True, help_text="Empty: the default one.")
    model = Text(max_length=MAX_ID_CHARS, allow_blank=True, default="", help_text="Empty: it is asked which there are.")


class FailureSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="As an `error` of a run has it, or `no_list`.")
    message = serializers.CharField()
    retryable = serializers.BooleanField()


class TriedOutSerializer(serializers.Serializer[Any]):
    models = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="Of its list, those that may be used; null: it was not asked, or its kind gives none.",
    )
    error = FailureSerializer(allow_null=True, help_text="Null: it has answered, where it was asked.")
    took_ms = serializers.IntegerField()


@extend_schema_serializer(many=False)
class ProviderListSerializer(serializers.Serializer[Any]):
    providers = ProviderSerializer(many=True)
    kinds = KindSerializer(many=True, help_text="That a provider can be of.")
