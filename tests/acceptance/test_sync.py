"""Five devices of one account change things at random while their connections break: they agree while questions wait
for the person, and in the end."""

import asyncio
import os
import random

import pytest

from tests.acceptance.devices import ASKS, DEVICES, WAITING, Device, decide_all, five_devices, settled
from tests.harness.server import Site
from tests.harness.sites import TIMES, Sites

STEPS = int(os.environ.get("SYNC_STEPS", "25"))  # of each device
SEED = os.environ.get("SYNC_SEED", "")


@pytest.fixture(scope="module")
def site(sites: Sites) -> Site:
    return sites.get({**ASKS, **TIMES})


@pytest.mark.usefixtures("provider")
async def test_five_devices_agree_after_any_losses(site: Site) -> None:
    seed = int(SEED or random.SystemRandom().randrange(10**6))
    async with five_devices(site, seed) as devices:
        await walked(devices, seed)


async def walked(devices: list[Device], seed: int) -> None:
    async def walk(device: Device) -> None:
        for _ in range(STEPS):
            await device.act()
            await asyncio.sleep(device.rng.uniform(0, 0.03))

    await asyncio.gather(*map(walk, devices))
    try:
        await devices[0].ask()
        asking = await settled(devices, "idle", WAITING)
        await decide_all(devices)
        sessions = await settled(devices, "idle")
    finally:
        seqs = [device.seq for device in devices]
        losses, resyncs = sum(device.losses for device in devices), sum(device.resyncs for device in devices)
        print(f"n={DEVICES * STEPS} seed={seed} events={seqs} losses={losses} resyncs={resyncs}")
    assert any(session["state"] == WAITING for session in asking)
    assert len({session["session_id"] for session in sessions}) == len(sessions)
