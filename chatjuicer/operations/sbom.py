"""A software bill of materials in CycloneDX's JSON: the packages that are installed for the server, and the libraries
that browsers are sent."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.utils import timezone

from chatjuicer import __version__

ROOT = Path(__file__).resolve().parents[2]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
VENDORED = re.compile(
    r"^\| \[[^]]+\]\((?P<home>[^)]+)\) \| (?P<version>\S+) \|.*?\| `(?P<package>@?[^@`]+)@[^`]+`.*"
    r"\| (?P<licence>[\w.-]+).*\| `(?P<sha256>[0-9a-f]{64})` \|$",
    re.MULTILINE,
)
PRODUCT = "chatjuicer"


def bill() -> dict[str, Any]:
    python, browser = list(installed()), list(vendored())
    addresses = {name_of(one): address_of(one) for one in python}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": timezone.now().isoformat(timespec="seconds"),
            "component": {"type": "application", "bom-ref": PRODUCT, "name": PRODUCT, "version": __version__},
        },
        "components": [component_of(one) for one in python] + browser,
        "dependencies": [
            {"ref": PRODUCT, "dependsOn": sorted([*addresses.values(), *(one["bom-ref"] for one in browser)])},
            *({"ref": address_of(one), "dependsOn": needs_of(one, addresses)} for one in python),
        ],
    }


def installed() -> Iterator[Distribution]:
    """Those of requirements.txt that are there: others are for other systems."""
    for name in dict.fromkeys(LOCKED.findall((ROOT / "requirements.txt").read_text())):  # some are locked twice
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue


def component_of(package: Distribution) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": address_of(package),
        "name": package.metadata["Name"],
        "version": package.version,
        "purl": address_of(package),
    }
    said = package.metadata.get_all("License-Expression")
    return component | ({"licenses": [{"expression": said[0]}]} if said else named_licence(package))


def named_licence(package: Distribution) -> dict[str, Any]:
    """By its own words, of a package that has no expression."""
    classifiers = [one for one in package.metadata.get_all("Classifier") or [] if one.startswith("License :: ")]
    told = package.metadata.get_all("License") or [""]
    names = [one.rpartition(" :: ")[2] for one in classifiers] or told[0].split("\n")[:1]
    return {"licenses": [{"license": {"name": name}} for name in names]} if any(names) else {}


def address_of(package: Distribution) -> str:
    return f"pkg:pypi/{name_of(package)}@{package.version}"


def name_of(package: Distribution) -> str:
    return same(package.metadata["Name"])


def same(name: str) -> str:
    """As an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needs_of(package: Distribution, addresses: dict[str, str]) -> list[str]:
    """Of `addresses`, by name, those of what it asks for."""
    needed = {same(re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0]) for text in package.requires or []}
    return sorted(addresses[name] for name in needed if name in addresses)


def vendored() -> Iterator[dict[str, Any]]:
    """Of the table beside the files, whose hashes a test compares."""
    table = (ROOT / "chat_app" / "static" / "chat" / "vendor" / "VENDORED.md").read_text()
    for row in VENDORED.finditer(table):
        address = f"pkg:npm/{row['package'].replace('@', '%40')}@{row['version']}"
        yield {
            "type": "library",
            "bom-ref": address,
            "name": row["package"],
            "version": row["version"],
            "purl": address,
            "licenses": [{"license": {"id": row["licence"]}}],
            "hashes": [{"alg": "SHA-256", "content": row["sha256"]}],
            "externalReferences": [{"type": "vcs", "url": row["home"]}],
        }
