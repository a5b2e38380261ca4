"""Power cuts at any moment of a first start or of an update."""
import os
import random
import shutil

from .appliance import PATIENCE, WORK, Appliance, version
from .updates import following, made

COUNT = int(os.environ.get("POSTERN_POWER_CUTS", "20"))
SEED = int(os.environ.get("POSTERN_POWER_CUTS_SEED", "7"))


def cuts():
    """whenever the power fails in a first start or an update, the next start is whole and no mail is lost"""
    moments = random.Random(SEED)
    with Appliance("cuts-measure") as appliance:
        appliance.ready()
        whole = appliance.machine.age
    for number in range(COUNT // 2):
        _first_start(number, moments.uniform(0, whole))
    if COUNT > 1:
        _updates(COUNT - COUNT // 2, moments)


def _first_start(number, moment):
    """Cut once in its first start, and once more in the one after, where it repairs."""
    with Appliance("cuts-first") as appliance:
        appliance.machine.start()
        appliance.machine.wait(lambda: appliance.machine.age >= moment, PATIENCE, lambda: "the moment")
        appliance.machine.cut()
        appliance.ready()
        appliance.carries(f"After cut {number}")
    shutil.rmtree(WORK / "cuts-first")
    print(f"      cut {number + 1} of {COUNT}: a first start at {moment:.0f} s", flush=True)


def _updates(count, moments):
    """One machine, cut again and again while an update is sent, written or started."""
    new = made(following(1))
    with Appliance("cuts-update") as appliance:
        appliance.ready()
        began = appliance.machine.age
        state = appliance.install(new)
        assert "is installed" in state, state
        whole = appliance.machine.age - began
        for number in range(count):
            _one_update(appliance, new, number, moments.uniform(0, 1.2 * whole))
            print(f"      cut {COUNT - count + number + 1} of {COUNT}: an update, {_running(appliance)} afterwards", flush=True)


def _running(appliance):
    return appliance.firmware().splitlines()[0]


def _one_update(appliance, new, number, moment):
    # Mail that waits: none of it may be lost.
    appliance.community.servers["court"].order("connect", "421 4.3.2 Not now")
    kept = appliance.send(f"Kept over cut {number}")
    assert kept.code == 250, str(kept)
    began = appliance.machine.age
    appliance.said("firmware", "install", new)
    appliance.machine.wait(lambda: appliance.machine.age - began >= moment, PATIENCE, lambda: "the moment")
    appliance.machine.cut()
    appliance.community.servers["court"].forget()
    appliance.ready()
    assert _running(appliance) in (f"version {version()}", f"version {following(1)}"), appliance.firmware()
    appliance.wait_for_mail(f"Kept over cut {number}")
    if _running(appliance) == f"version {following(1)}":
        # Back, so that there is something to update.
        appliance.postern("firmware", "rollback")
        appliance.wait_for_firmware(f"version {version()}\n")
        appliance.wait_for_status("signatures ")
