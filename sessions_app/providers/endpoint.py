"""Where a provider has what api.openai.com has, and how it is told whose request it is."""

from dataclasses import dataclass, field
from urllib.parse import quote

from .provider import Provider


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: str
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)


def endpoint(path: str, provider: Provider, model: str) -> Endpoint:
    """The provider's endpoint for what api.openai.com has at /v1/`path`."""
    headers = key_headers(provider)
    if provider.kind_name != "azure":
        return Endpoint(f"{provider.url}/{path}", headers)
    base, version = f"{provider.url}/openai", provider.api_version
    if not version or version in ("v1", "preview"):
        return Endpoint(f"{base}/v1/{path}", headers)
    # Nobody chooses another model, or another place, by an id such as small/../large.
    deployment = "" if path == "responses" else f"/deployments/{quote(model, safe='')}"
    return Endpoint(f"{base}{deployment}/{path}", headers, {"api-version": version})


def key_headers(provider: Provider) -> dict[str, str]:
    """None where there is no key: servers at home want none."""
    if not provider.key:
        return {}
    name = provider.kind.key_header
    return {name: f"Bearer {provider.key}" if name == "Authorization" else provider.key}
