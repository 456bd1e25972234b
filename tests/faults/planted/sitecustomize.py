"""Run by every Python whose PYTHONPATH names this directory, and only the servers of tests/faults are started so."""

from tests.harness.after_loading import after_loading

after_loading("tests.faults.planted.points", "tests.faults.planted.bugs", "tests.faults.planted.clock")
