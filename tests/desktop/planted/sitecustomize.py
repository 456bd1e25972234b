"""Run by every Python whose PYTHONPATH names this directory, and only the servers of tests/desktop are started so."""

from tests.harness.after_loading import after_loading

after_loading("tests.desktop.planted.changes")
