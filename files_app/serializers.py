from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from chatjuicer.api.fields import Text
from files_app import names
from files_app.exceptions import FileTooLarge


@extend_schema_field({"type": "integer", "minimum": 0})
class Size(serializers.Field):
    """Bytes, as a JSON number."""

    default_error_messages = {"invalid": "A whole number of bytes is expected."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():  # as a Number's
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool) or data < 0:
            self.fail("invalid")
        if data > settings.MAX_FILE_SIZE:
            raise FileTooLarge(f"A file has at most {settings.MAX_FILE_SIZE} bytes.")
        return data

    def to_representation(self, value: int) -> int:
        return value


@extend_schema_field(names.NAME_SCHEMA)
class Name(Text):
    """Checked by `names`, whose errors say what is wrong with it."""


@extend_schema_field(names.FOLDER_SCHEMA | {"minLength": 1})
class Folder(Text):
    """Checked by `names`, as a Name is."""


class AnnouncementSerializer(serializers.Serializer[None]):
    filename = Name(max_length=names.MAX_NAME_BYTES * 2)
    size = Size()
    content_type = Text(
        max_length=255,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="Ignored: the type is found from the bytes.",
    )
    folder = Folder(max_length=names.MAX_NAME_BYTES * 2, required=False, allow_null=True)


@extend_schema_field(names.AGENT_FOLDER_SCHEMA | {"minLength": 1})
class AgentFolder(Folder):
    """Likewise."""


class AgentAnnouncementSerializer(AnnouncementSerializer):
    folder = AgentFolder(max_length=names.MAX_NAME_BYTES * 2, required=False, allow_null=True)


class FileKeySerializer(serializers.Serializer[None]):
    file_key = Text(max_length=64)


class EntrySerializer(serializers.Serializer[None]):
    id = serializers.UUIDField(allow_null=True, help_text="null of a folder")
    name = serializers.CharField(help_text="Relative to the folder that was asked for.")
    path = serializers.CharField(help_text="With the folder, as the agent says it.")
    type = serializers.ChoiceField(choices=["file", "folder"])
    size = serializers.IntegerField()
    modified = serializers.DateTimeField()
    content_type = serializers.CharField(allow_null=True)
    file_count = serializers.IntegerField(required=False, help_text="Of a folder, those below its folders too.")


@extend_schema_serializer(many=False)
class EntryListSerializer(serializers.Serializer[None]):
    files = EntrySerializer(many=True)
    folder = serializers.CharField()
    count = serializers.IntegerField()


class UploadUrlSerializer(serializers.Serializer[None]):
    upload_url = serializers.CharField()
    file_key = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class DownloadUrlSerializer(serializers.Serializer[None]):
    download_url = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="seconds")


class PathSerializer(serializers.Serializer[None]):
    path = serializers.CharField()
