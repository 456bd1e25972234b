"""The browser that tests and benchmarks look with."""

import os
import shutil

# What Playwright turns off, since of two such switches the last one counts; and the suggestions below an address bar
# that nobody sees: two pages of the browser's own, which take a second of a processor for each window, and more for
# each address.
_OFF = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *(
        "HttpsFirstBalancedModeAutoEnable",
        "LensOverlay",
        "MediaRouter",
        "PaintHolding",
        "ThirdPartyStoragePartitioning",
    ),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "PreconnectToSearch"),
    *("AimEnabled", "WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
)
# Without a person's profile, a screen, or anything that talks to the browser's maker.
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(_OFF)}",
]
# The first has no windows, of which nobody sees any here, and loads a page for two thirds of what the others take.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium_path(bundled: str) -> str:
    """The one named in CHROMIUM, the system's, or Playwright's own. Raises FileNotFoundError."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None) or bundled
    if not os.path.exists(path):
        raise FileNotFoundError(
            "Chromium is missing: `apt-get install chromium-headless-shell`, or `playwright install chromium`, "
            "or name a browser in CHROMIUM."
        )
    return path
