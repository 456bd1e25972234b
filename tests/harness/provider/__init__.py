"""An OpenAI-compatible provider for tests: true to its events, strict about its input, fails when told to."""

from tests.harness.provider.script import Script, parse
from tests.harness.provider.server import Provider, RecordedRequest

__all__ = ["Provider", "RecordedRequest", "Script", "parse"]
