"""One site for all walks and flows; every test finds its servers running, and without bugs."""

from collections.abc import Iterator

import pytest

from tests.desktop.dialects import SERVED, TODAY
from tests.desktop.walks import DesktopSite, desktop_site
from tests.harness.provider import Provider

collect_ignore = [] if TODAY in SERVED else ["test_flows_today.py"]


@pytest.fixture(scope="package")
def the_desktop_site(profile: str) -> Iterator[DesktopSite]:
    with desktop_site(profile) as site:
        yield site


@pytest.fixture
def desktop(the_desktop_site: DesktopSite) -> Iterator[DesktopSite]:
    the_desktop_site.revive()
    yield the_desktop_site
    the_desktop_site.bugs.mend()


@pytest.fixture
def provider(desktop: DesktopSite) -> Iterator[Provider]:
    """The model behind the site; whatever it had to refuse fails the test."""
    provider = desktop.provider
    provider.reset()
    yield provider
    violations, provider.violations = provider.violations, []
    provider.reset()
    assert violations == []
