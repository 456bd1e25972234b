"""Run by every Python whose PYTHONPATH names this directory."""

from tests.harness.after_loading import after_loading

after_loading("tests.acceptance.walk.notes")
