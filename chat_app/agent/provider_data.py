"""What a provider adds to its calls and wants back with them, and nobody else understands. The context item keeps it
verbatim, under `provider_data` with its origin: the endpoint and the model that it came from."""

from collections.abc import Iterable
from typing import Any

from chat_app.runs.contract import Item
from sessions_app.providers.kinds import ProviderKind

# Fields of a tool call: Gemini's signatures of its thoughts (https://ai.google.dev/gemini-api/docs/thought-signatures),
# without which it refuses the turn.
OF_CALL = ("extra_content",)
# Fields of a message with calls: OpenRouter's thoughts of the model behind it.
OF_MESSAGE = ("reasoning_details",)
# DeepSeek (https://api-docs.deepseek.com/guides/thinking_mode) and Moonshot refuse a message with calls that is without
# the thoughts that led to it, be they empty; of other messages they ignore it. Others do not know the field.
THOUGHTS = "reasoning_content"
_WANT_THOUGHTS = ("deepseek", "moonshot", "kimi")
# What Gemini takes for the signature of a call that another model has made.
NO_SIGNATURE = {"google": {"thought_signature": "skip_thought_signature_validator"}}


def wants_thoughts(kind: ProviderKind, origin: str) -> bool:
    by_model = kind.thoughts == "by_model" and any(name in origin.lower() for name in _WANT_THOUGHTS)
    return by_model or kind.thoughts == "always"


def of_origin(origin: str) -> Item:
    """The part of an item that says whose it is."""
    return {"provider_data": {"origin": origin}}


def is_of(origin: str, item: Item) -> bool:
    """Also where it is not known: items of older versions do not say."""
    data = item.get("provider_data")
    return not origin or not isinstance(data, dict) or data.get("origin", origin) == origin


def kept(origin: str, data: dict[str, Any]) -> Item:
    """The part of a call's item that keeps `data`; empty where there is none."""
    return {"provider_data": {"origin": origin, **data}} if data else {}


def with_data_of(origin: str, item: Item, valid: Item) -> Item:
    """`valid`, with the `provider_data` of `item` where it is of that origin."""
    data = item.get("provider_data")
    return {**valid, "provider_data": data} if isinstance(data, dict) and data.get("origin") == origin else valid


def give_back(messages: list[Any], items: Iterable[Item], kind: ProviderKind, origin: str) -> None:
    """Puts what the items keep into the messages that were made of them."""
    data_of = {item["call_id"]: item["provider_data"] for item in items if "provider_data" in item}
    for message in messages:
        calls = message.get("tool_calls") or ()
        for call in calls:
            data = data_of.get(call["id"], {})
            call.update({name: data[name] for name in OF_CALL if name in data})
            message.update({name: data[name] for name in (*OF_MESSAGE, THOUGHTS) if name in data})
        if calls and wants_thoughts(kind, origin):
            message.setdefault(THOUGHTS, "")
        if calls and kind.signs_calls and kind.signs_calls.search(origin):
            calls[0].setdefault(OF_CALL[0], NO_SIGNATURE)
