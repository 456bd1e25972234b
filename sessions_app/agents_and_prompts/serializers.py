"""How agents and prompts look in JSON."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from chatjuicer.api.fields import Choice, Flag, OneLine, Text
from chatjuicer.api.times import rfc3339
from sessions_app.catalogue import REASONING_EFFORTS
from sessions_app.models import Agent, Prompt
from sessions_app.models import agent as agents
from sessions_app.models.named import MAX_NAME_CHARS, Named
from sessions_app.models.prompt import MAX_TEXT_CHARS
from sessions_app.serializers import KeptNames

ORIGINS = ("own", "shared", "built_in")


class Name(Text, serializers.RegexField):
    def __init__(self, pattern: re.Pattern[str], **kwargs: Any) -> None:
        super().__init__(regex=re.compile(rf"^{pattern.pattern}\Z"), max_length=MAX_NAME_CHARS, **kwargs)


class Names(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", agents.MAX_NAMES)
        super().__init__(child=Text(max_length=128), **kwargs)


class ForAll(Flag):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, help_text="Everybody has it then; only administrators may.", **kwargs)


def origin_of(named: Named) -> str:
    return "own" if named.owner_id else "shared"


# Agents


class AgentChangesSerializer(serializers.Serializer[None]):
    """A setting that is null is left to the session, or the server."""

    name = Name(Agent.NAME, required=False)
    letter = Text(max_length=agents.MAX_LETTER_CHARS, required=False, allow_blank=True, help_text="Its picture.")
    description = Text(max_length=agents.MAX_DESCRIPTION_CHARS, required=False, allow_blank=True)
    instructions = Text(
        max_length=agents.MAX_INSTRUCTIONS_CHARS,
        required=False,
        allow_blank=True,
        help_text="Given to the model, before what the person asks for in their preferences and in the project.",
    )
    model = Text(
        max_length=128, required=False, allow_null=True, help_text="Of sessions for which nobody has chosen one."
    )
    reasoning_effort = Choice(choices=REASONING_EFFORTS, required=False, allow_null=True, help_text="As `model`.")
    tools = Names(required=False, allow_null=True, help_text="Of the server's own tools, those that it has; null: all.")
    mcp_servers = KeptNames(
        required=False, allow_null=True, help_text="Keys of those that it has; null: the session's."
    )
    hand_offs = Names(
        required=False,
        max_length=agents.MAX_HAND_OFFS,
        help_text="Names of the agents to whom it may hand a conversation over; unknown ones cost nothing.",
    )
    starters = serializers.ListField(
        child=OneLine(max_length=agents.MAX_STARTER_CHARS),
        required=False,
        max_length=agents.MAX_STARTERS,
        help_text="What a person may begin with.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("model", "reasoning_effort"):
            if name in attrs:
                attrs[name] = attrs[name] or ""
        if "starters" in attrs:
            attrs["opening_lines"] = "\n".join(attrs.pop("starters"))
        return attrs


class NewAgentSerializer(AgentChangesSerializer):
    name = Name(Agent.NAME)
    for_all = ForAll()


class ListedAgentSerializer(serializers.Serializer[Agent]):
    id = serializers.UUIDField(allow_null=True, help_text="null: it is built in.")
    name = serializers.CharField(help_text="A session's `agent_name` chooses it by that.")
    origin = serializers.ChoiceField(choices=ORIGINS)
    letter = serializers.CharField()
    description = serializers.CharField()
    model = serializers.CharField(allow_null=True)
    reasoning_effort = serializers.CharField(allow_null=True)
    tools = serializers.ListField(child=serializers.CharField(), allow_null=True)
    mcp_servers = serializers.ListField(child=serializers.CharField(), allow_null=True)
    hand_offs = serializers.ListField(child=serializers.CharField())
    starters = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Agent) -> dict[str, Any]:
        is_built_in = instance.name in agents.BUILT_IN
        return {
            "id": None if is_built_in else str(instance.pk),
            "name": instance.name,
            "origin": "built_in" if is_built_in else origin_of(instance),
            "letter": instance.letter or instance.name[:1].upper(),
            "description": instance.description,
            "model": instance.model or None,
            "reasoning_effort": instance.reasoning_effort or None,
            "tools": instance.tools,
            "mcp_servers": instance.mcp_servers,
            "hand_offs": instance.hand_offs,
            "starters": instance.starters,
            "created_at": None if is_built_in else rfc3339(instance.created_at),
            "updated_at": None if is_built_in else rfc3339(instance.updated_at),
        }


class AgentSerializer(ListedAgentSerializer):
    instructions = serializers.CharField()

    def to_representation(self, instance: Agent) -> dict[str, Any]:
        return super().to_representation(instance) | {"instructions": instance.instructions}


@extend_schema_serializer(many=False)
class AgentListSerializer(serializers.Serializer[None]):
    agents = ListedAgentSerializer(many=True)
    may_make_for_all = serializers.BooleanField(help_text="And change and delete those that are for all.")


# Prompts


class PromptChangesSerializer(serializers.Serializer[None]):
    name = Name(Prompt.NAME, required=False, help_text="Written as `/name`.")
    text = Text(max_length=MAX_TEXT_CHARS, required=False, help_text="With variables, such as `{{customer}}`.")


class NewPromptSerializer(PromptChangesSerializer):
    name = Name(Prompt.NAME, help_text="Written as `/name`.")
    text = Text(max_length=MAX_TEXT_CHARS, help_text="With variables, such as `{{customer}}`.")
    for_all = ForAll()


class PromptSerializer(serializers.Serializer[Prompt]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    origin = serializers.ChoiceField(choices=ORIGINS[:2])
    text = serializers.CharField()
    variables = serializers.ListField(child=serializers.CharField(), help_text="Of the text, in its order.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def to_representation(self, instance: Prompt) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "name": instance.name,
            "origin": origin_of(instance),
            "text": instance.text,
            "variables": instance.variables,
            "created_at": rfc3339(instance.created_at),
            "updated_at": rfc3339(instance.updated_at),
        }


@extend_schema_serializer(many=False)
class PromptListSerializer(serializers.Serializer[None]):
    prompts = PromptSerializer(many=True)
    may_make_for_all = serializers.BooleanField(help_text="And change and delete those that are for all.")
