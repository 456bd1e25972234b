import subprocess
import sys

import pytest
from pytest_django.fixtures import Settings

from sessions_app import catalogue
from sessions_app.catalogue import REASONING_EFFORTS


@pytest.fixture(autouse=True)
def _no_provider(settings: Settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = settings.DEFAULT_MODEL = ""
    settings.AZURE_OPENAI_ENDPOINT = settings.AZURE_OPENAI_API_KEY = ""


def test_without_a_key_there_is_the_demo() -> None:
    (model,) = catalogue.offered_models()
    assert (model["id"], model["provider"], model["isDefault"]) == ("demo", "demo", True)
    assert catalogue.default_model() == "demo"


def test_openai_offers_what_it_has_with_one_default(settings: Settings) -> None:
    settings.OPENAI_API_KEY = "sk"
    offered = catalogue.offered_models()
    assert len(offered) > 5
    assert [model["id"] for model in offered if model["isDefault"]] == [catalogue.default_model()]
    settings.DEFAULT_MODEL = "gpt-4.1"
    assert catalogue.offered_models()[0]["id"] == "gpt-4.1"
    assert len(catalogue.offered_models()) == len(offered)


def test_a_compatible_server_offers_the_model_it_was_set_up_with(settings: Settings) -> None:
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sk", "http://localhost:11434/v1"
    settings.DEFAULT_MODEL = "llama3.2"
    (model,) = catalogue.offered_models()
    assert (model["id"], model["provider"], model["supports_reasoning"]) == ("llama3.2", "compatible", False)


@pytest.mark.parametrize(
    ("model", "window", "reasons"),
    [
        ("gpt-4o-mini-2024-07-18", 128_000, False),
        ("gpt-4.1-mini", 1_047_576, False),
        ("openai/gpt-5-mini-2025-08-07", 400_000, True),
        ("gpt-5-chat-latest", 400_000, False),
        ("something-else", 128_000, False),
        ("demo", 128_000, False),
    ],
)
def test_a_model_is_known_by_its_id(model: str, window: int, reasons: bool) -> None:
    held, trigger = catalogue.context_window(model)
    assert held == window
    assert trigger < held
    assert catalogue.supports_reasoning(model) is reasons


def test_there_is_one_default_effort() -> None:
    assert [level["value"] for level in catalogue.REASONING_LEVELS] == list(REASONING_EFFORTS)
    assert sum(level["isDefault"] for level in catalogue.REASONING_LEVELS) == 1


@pytest.mark.slow(reason="a process is started")
def test_web_code_can_read_it_without_the_sdk() -> None:
    code = (
        "import sys, django; django.setup(); "
        "import sessions_app.catalogue, chat_app.runs.contract; sys.exit('agents' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
