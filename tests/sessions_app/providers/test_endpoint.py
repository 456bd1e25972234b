"""Where a provider is asked."""

import pytest
from yarl import URL

from sessions_app.providers.endpoint import endpoint
from sessions_app.providers.provider import Provider


@pytest.mark.parametrize("model", ["gpt-4.1", "small/../large", "small/../../../files?x=", "small#", "a b"])
def test_a_model_s_id_leads_nowhere_but_to_its_deployment(model: str) -> None:
    azure = Provider("", "azure", "https://there.example", "sk-secret", api_version="2024-10-21")
    asked = URL(endpoint("chat/completions", azure, model).url)  # as the client reads it
    assert asked.parts == ("/", "openai", "deployments", model, "chat", "completions")
    assert (asked.host, asked.query_string) == ("there.example", "")
