"""A machine whose disk is lost, and a fresh one that is it again."""
from .appliance import PATIENCE, ROOT, Appliance
from .community import LISTING, PutServer
from .machine import HOST, run


def backup():
    """puts a backup on a server; from it a fresh image is the lost machine again: its policy, and the mail that waited"""
    with Appliance("backup", configured=False) as appliance:
        community = appliance.community
        place = PutServer(community.folder / "there", community.proof, clients=community.authority)
        secret = community.folder / "backup.secret"
        key = run(ROOT / "build/release/bin/postern", "backup", "key", secret).strip()
        first = _with_backups(community.policy(), key, place.port)
        disk = community.configuration_disk(first, community.folder / "configuration.img")
        appliance.machine.attach(disk)
        appliance.ready()
        appliance.carries("Before")
        appliance.apply(_with_backups(community.policy("smaller", message_size="1 KiB"), key, place.port))
        file, signer = _put_by_order(appliance, place)
        appliance.exchange_machine("backup-fresh")
        appliance.machine.attach(disk)
        appliance.ready()
        said = appliance.postern("backup", "restore", file, "--key", secret, "--signer", signer, "--replace")
        assert "restored" in said, said
        _is_the_lost_one(appliance)
        place.close()


def _with_backups(policy, key, port):
    node = policy / "node.yaml"
    node.write_text(node.read_text() + f"backup:\n  keys: [{key}]\n  to: \"https://{HOST}:{port}/postern\"\n"
                                       "  authorities: tls/members.pem\n")
    return policy


def _put_by_order(appliance, place):
    """One that holds a message which waits, and the key of who signed it."""
    court = appliance.community.servers["court"]
    court.order("connect", "421 4.3.2 Not now")
    kept = appliance.send("Kept")
    assert kept.code == 250, str(kept)
    # The first one, of the clock, may still be under way.
    wait = appliance.machine.wait
    wait(place.files, PATIENCE, lambda: f"a backup on the server; {appliance.said('backup', 'status')}")
    wait(lambda: appliance.does("backup", "create"), PATIENCE, lambda: f"one by order; {appliance.said('backup', 'create')}")
    newest = place.files()[-1]
    print(f"      {newest.name}: {newest.stat().st_size / 1024:.0f} KiB on its server", flush=True)
    signer = appliance.community.folder / "signer.pem"
    signer.write_text(appliance.postern("audit", "key"))
    return newest, signer


def _is_the_lost_one(appliance):
    appliance.community.servers["court"].forget()
    appliance.wait_for_mail("Kept", seconds=PATIENCE)
    assert appliance.arrived("Before") == 1, "what had been handed over was sent again"
    large = appliance.send("Large", body=("y" * 70 + "\r\n") * 40)
    assert large.code == 552, f"the policy of the configuration disk is in force: {large}"
    assert LISTING in appliance.postern("trace"), "the ledger has forgotten"
