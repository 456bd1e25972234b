"""Which models and MCP servers a person may use: what their groups allow, of what the server has."""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import status

from chatjuicer.accounts.models import Allowance, GroupAllowance
from chatjuicer.accounts.models.group_allowance import stands_in
from chatjuicer.api.exceptions import ApiError

from . import catalogue
from .providers.served import plays_again, served

# Two names of one server: clients use the first, our settings the second.
SAME_SERVER = {"sequential": "sequential-thinking", "sequential-thinking": "sequential"}
OWN = "own/"
"""How the keys begin of MCP servers that people have added for themselves; a group's list has patterns of them, such as
`own/*`."""
MAX_NAMED_CHARS = 120  # of an error's message, which ends at 200


class ModelNotAllowed(ApiError):
    status_code = status.HTTP_403_FORBIDDEN
    code = "model_not_allowed"

    def __init__(self, allowance: Allowance) -> None:
        """With the models that may be used, as many of them as the message can hold."""
        ids = [entry["id"] for entry in offered(allowance)]
        named = list(takewhile(_Room(MAX_NAMED_CHARS).takes, ids))
        more = f" and {len(ids) - len(named)} more" if len(named) < len(ids) else ""
        may = f"those are: {', '.join(named)}{more}" if ids else "there is none"
        super().__init__(f"Your groups do not allow this model. Of those that they allow, {may}.")


class _Room:
    def __init__(self, chars: int) -> None:
        self._left = chars

    def takes(self, text: str) -> bool:
        self._left -= len(text) + 2
        return self._left >= 0


def is_allowed(model: str, allowance: Allowance) -> bool:
    """Also of a model that nobody has. To play a run of one's own again asks no model."""
    if allowance.models is None or plays_again(model):
        return True
    return any(stands_in(allowance.models, name) for name in _names_of(model))


def _names_of(model: str) -> list[str]:
    """By which it can be chosen: `provider/model`, and the id alone where that leads to the same provider."""
    at = served(model)
    if at is None:
        return [model]
    names = [f"{at.provider.name}/{at.model}"] if at.provider.name else []
    return [*names, at.model] if served(at.model) == at else names


def require_allowed(user_pk: UUID, model: str | None) -> None:
    """None and an empty name choose none. Raises ModelNotAllowed."""
    if model and not is_allowed(model, allowance := GroupAllowance.objects.of_user(user_pk)):
        raise ModelNotAllowed(allowance)


def first_allowed(models: Iterable[str], allowance: Allowance) -> str:
    """Of these, empty ones passed over, or else of those that are offered. Where none is allowed, the first of these:
    its runs say so."""
    wanted = list(filter(None, models))
    may = (model for model in wanted if is_allowed(model, allowance))
    return next(may, None) or next((entry["id"] for entry in offered(allowance)), wanted[0])


def offered(allowance: Allowance) -> list[dict[str, Any]]:
    """The entries of /api/config that may be chosen, those included that no provider lists and a group names. Where the
    default one may not, the first of them is it."""
    entries = [entry for entry in catalogue.offered_models() if is_allowed(entry["id"], allowance)]
    named = [name for name in allowance.models or () if "*" not in name and catalogue.is_known(name)]
    shown = {served(entry["id"]) or entry["id"] for entry in entries}
    entries += [catalogue.entry_of(name) for name in named if (served(name) or name) not in shown]
    if entries and not any(entry["isDefault"] for entry in entries):
        entries[0]["isDefault"] = True
    return entries


def servers(allowance: Allowance) -> list[str]:
    """Keys of the MCP servers that may be chosen, in the order of the settings."""
    if allowance.mcp_servers is None:
        return list(settings.MCP_SERVERS)
    names = [configured_server(name) for name in allowance.mcp_servers]
    return [key for key in settings.MCP_SERVERS if stands_in(names, key)]


def configured_server(key: str) -> str:
    """The settings' name of the server that somebody calls `key`: `key` itself, or else its other name."""
    other = SAME_SERVER.get(key, key)
    return key if key in settings.MCP_SERVERS else other
