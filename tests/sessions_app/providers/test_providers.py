"""Several providers at once: what they are read from, and who serves which model."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from sessions_app import catalogue
from sessions_app.providers.known_models import KNOWN_MODELS, KnownModel
from sessions_app.providers.provider import parsed_provider, parsed_providers
from sessions_app.providers.served import registry, served

SECRET = {"SECOND_KEY": "sk-second"}


@pytest.fixture(autouse=True)
def _two(settings: Settings) -> Iterator[None]:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = settings.DEFAULT_MODEL = ""
    settings.AZURE_OPENAI_ENDPOINT = ""
    registry.clear()
    settings.PROVIDERS = parsed_providers(
        [
            {"name": "first", "url": "http://one/v1", "models": ["small", "large-*"]},
            {"name": "second", "kind": "ollama", "key_env": "SECOND_KEY", "fallbacks": {"other": ["first/small"]}},
        ],
        SECRET.get,  # type: ignore[arg-type]
    )
    yield
    registry.clear()


def put(name: str, *ids: str) -> None:
    provider = next(provider for provider in registry.named if provider.name == name)
    registry.put_list(provider, [KnownModel(id, id) for id in ids])


def place(model: str) -> tuple[str, str] | None:
    found = served(model)
    return (found.provider.name, found.model) if found else None


def ids() -> list[str]:
    return [model["id"] for model in catalogue.offered_models()]


def test_a_provider_is_read(settings: Settings) -> None:
    first, second = settings.PROVIDERS
    assert (first.kind_name, first.api, first.key) == ("compatible", "chat_completions", "")
    assert (second.url, second.key) == ("http://127.0.0.1:11434/v1", "sk-second")
    assert "sk-second" not in repr(second)


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        {},
        {"name": "Ä"},
        {"name": "a"},
        {"name": "a", "url": "ftp://x"},
        {"name": "a", "kind": "unheard-of"},
        {"name": "a", "url": "http://x", "api": "soap"},
        {"name": "a", "url": "http://x", "models": "gpt"},
        {"name": "a", "url": "http://x", "fallbacks": ["b"]},
        {"name": "a", "url": "http://x", "kye": "sk"},
        {"name": "a", "url": "http://x", "key": 7},
    ],
)
def test_what_is_no_provider_is_refused(entry: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_provider(entry, lambda name: "")


def test_a_model_is_asked_where_it_is() -> None:
    put("second", "other", "small")
    assert place("small") == ("first", "small")
    assert place("second/small") == ("second", "small")
    assert place("large-2") == ("first", "large-2")
    assert place("other") == ("second", "other")
    assert place("unheard-of") is None
    assert place("first/other") is None
    assert ids() == ["first/small", "other", "second/small"]


def test_without_a_list_any_id_is_let_through() -> None:
    assert place("whatever") == ("second", "whatever")
    assert catalogue.is_known("whatever")


def test_an_unknown_id_is_answered_with_the_list() -> None:
    put("second", "other")
    with pytest.raises(catalogue.UnknownModel, match="small, other"):
        catalogue.require_known("unheard-of")
    put("second", *(f"model-{number}" for number in range(400)))
    assert len(catalogue.unknown_model_text()) < 1_200


def test_the_default_provider_takes_any_id_while_it_is_alone(settings: Settings) -> None:
    settings.OPENAI_API_KEY, settings.PROVIDERS = "sk", ()
    assert place("unheard-of") == ("", "unheard-of")
    assert catalogue.is_known("unheard-of")
    assert served("demo") is None


def test_the_default_provider_comes_first(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk"
    put("second", "gpt-4.1")
    assert place("gpt-4.1") == ("", "gpt-4.1")
    assert place("second/gpt-4.1") == ("second", "gpt-4.1")
    assert {"gpt-4.1", "second/gpt-4.1", "small"} <= set(ids())
    assert [model["isDefault"] for model in catalogue.offered_models()].count(True) == 1


def test_a_row_takes_the_place_of_a_setting(settings: Settings) -> None:
    url = "http://elsewhere/v1"
    registry.put_rows({"second": parsed_provider({"name": "second", "url": url}, lambda name: ""), "first": None})
    assert [(provider.name, provider.url) for provider in registry.named] == [("second", url)]


def test_what_a_provider_says_of_a_model_counts_before_the_file(settings: Settings) -> None:
    second = registry.named[1]
    registry.put_list(second, [KnownModel("gpt-oss-20b", "GPT OSS", context_window=8_192, tools=False)])
    assert catalogue.window_of("gpt-oss-20b") == 8_192
    (entry,) = [model for model in catalogue.offered_models() if model["id"] == "gpt-oss-20b"]
    assert entry["supports_tools"] is False
    assert entry["supports_reasoning"] is True
    assert "input_price" not in entry  # it is Groq's
    settings.MODEL_WINDOWS = {"gpt-oss-20b": 4_096}
    assert catalogue.window_of("second/gpt-oss-20b") == 4_096


def test_a_price_has_its_date(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk"
    entry = next(model for model in catalogue.offered_models() if model["id"] == "gpt-4.1")
    assert (entry["input_price"], entry["output_price"], entry["output_limit"]) == (2.0, 8.0, 32_768)
    assert entry["price_as_of"].startswith("20")
    assert entry["price_source"].startswith("https://")
    for model in KNOWN_MODELS:
        assert model.price is not None, model.id
        assert date(2025, 1, 1) < model.price.as_of <= datetime.now(UTC).date(), model.id
        assert model.price.source.startswith("https://"), model.id


def test_a_chain_of_fallbacks(settings: Settings) -> None:
    put("second", "other")
    assert catalogue.chain("other") == ["other", "first/small"]
    settings.MODEL_FALLBACKS = {"small": ("other", "unheard-of", "small")}
    assert catalogue.chain("small") == ["small", "other"]
