"""One site for all walks; every test finds its servers running, and without bugs."""

from collections.abc import Iterator

import pytest

from tests.desktop.walks import DesktopSite, desktop_site
from tests.settings import PROFILE


@pytest.fixture(scope="session")
def the_desktop_site() -> Iterator[DesktopSite]:
    with desktop_site(PROFILE) as site:
        yield site


@pytest.fixture
def desktop(the_desktop_site: DesktopSite) -> Iterator[DesktopSite]:
    the_desktop_site.revive()
    yield the_desktop_site
    the_desktop_site.bugs.mend()
