import sys
from pathlib import Path

# pytest is told so by pyproject.toml; `python -m tests.faults` and its like are not.
CLIENT = str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src")
if CLIENT not in sys.path:
    sys.path.append(CLIENT)
