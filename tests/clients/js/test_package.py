"""What the package's README shows, run as it stands; and its types, as far as that is seen without a compiler."""

import hashlib
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.harness.server import EMAIL, ROOT, Site
from tests.page.test_store import node

PACKAGE = ROOT / "clients" / "js"
EXAMPLES = re.findall(r"^```js\n(.*?)^```", (PACKAGE / "README.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.only("sqlite", reason="the document is about the client")
def test_the_examples_do_what_the_readme_says(site: Site, tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "chatjuicer-client").symlink_to(PACKAGE)
    printed = [ran(example, site, tmp_path) for example in EXAMPLES]
    first, talking, files, exported, account, kept, persona = printed
    assert first == "You said: count to 20\n(stop)\n"
    assert talking.startswith("0 messages so far\n") or "\n0 messages so far\n" in talking
    assert "'say 3000 words; pace 200 (sending)'" in talking
    assert talking.endswith("interrupted\n")
    assert files.endswith("1\nsources/list.txt 17 Beans, rice, soap\nShopping true\n")
    assert exported == "ready\n"
    assert zipfile.ZipFile(tmp_path / "account.zip").testzip() is None
    assert account == "the list is to be loaded\nSeen everywhere\n"
    assert kept == "in []\n"
    assert persona == "First talk\n"


def ran(example: str, site: Site, place: Path) -> str:
    program = example.replace("http://127.0.0.1:8000", site.url).replace("local@chatjuicer.dev", EMAIL)
    (place / "example.mjs").write_text(program)
    done = subprocess.run(
        [node(), "example.mjs"],
        cwd=place,
        env={**os.environ, "NODE_OPTIONS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{program}\n{done.stderr}"
    return done.stdout


def test_the_types_were_made_from_the_modules_as_they_are() -> None:
    """Else `npm ci && npm run types` in clients/js: see types.mjs, which writes the digest."""
    digest = hashlib.sha256()
    for path in [PACKAGE / "node.js", *sorted((PACKAGE / "src").iterdir())]:
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode() + path.read_bytes())
    assert (PACKAGE / "types" / "made-from").read_text().strip() == digest.hexdigest()


def test_every_module_has_its_types() -> None:
    modules = {path.stem for path in (PACKAGE / "src").glob("*.js")}
    assert {path.name.removesuffix(".d.ts") for path in (PACKAGE / "types" / "src").iterdir()} == modules
