"""Run by every Python whose PYTHONPATH names this directory, and only the server of test_away.py is started so."""

from tests.harness.after_loading import after_loading

after_loading("tests.page.planted.short_tokens")
