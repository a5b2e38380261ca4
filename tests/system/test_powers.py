"""What people try in order to have more power than they were given, through the control protocol."""
import datetime
import http.client
import json
import socket
import threading
import unittest

from harness import ERIC, CommunityTest
from harness.tools import source_root

CLERK = "clerk@greenstonechambers.co.uk"
CLERKS = "clerks@greenstonechambers.co.uk"


def soon(days=1):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("postern", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class PowersTest(CommunityTest):
    @classmethod
    def prepare(cls, community):
        community.policy.organisation("greenstone", "administrators", f"[{CLERKS}, {CLERK}]")
        community.policy.organisation("victim-care", "administrators", "[reception@victimcare.example]")
        community.policy.organisation("smith", "administrators", "[office@smithsolicitors.co.uk]")
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    def ask(self, method, path, body=None, who=None):
        """Status and JSON of an answer; `who`: in whose name it is asked."""
        connection = OverSocket(self.community.socket)
        text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        connection.request(method, path, text, {"Postern-For": who} if who else {})
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
        connection.close()
        try:
            return answer.status, json.loads(said)
        except ValueError:
            return answer.status, {"text": said}

    def answers(self, status, *arguments, **more):
        got, said = self.ask(*arguments, **more)
        self.assertEqual(status, got, said)
        return said


class Sanctions(PowersTest):
    def suspended(self, organisation):
        return self.answers(200, "GET", f"/v1/organisations/{organisation}").get("suspended")

    def test_an_organisation_ends_no_sanction_by_announcing_an_outage(self):
        self.answers(200, "POST", "/v1/organisations/greenstone/suspend", {"kind": "sanction", "reason": "unpaid"})
        outage = {"kind": "outage", "until": soon()}
        self.answers(403, "POST", "/v1/organisations/greenstone/suspend", outage, who=CLERK)
        self.answers(403, "POST", "/v1/organisations/greenstone/resume", who=CLERK)
        self.answers(200, "POST", "/v1/organisations/greenstone/resume")
        self.answers(200, "POST", "/v1/organisations/greenstone/suspend", outage, who=CLERK)
        self.answers(200, "POST", "/v1/organisations/greenstone/resume", who=CLERK)

    def test_two_orders_at_once_are_both_kept(self):
        for _ in range(3):
            names = ["greenstone", "crown-court", "victim-care"]
            said = {}

            def order(name):
                said[name] = self.ask("POST", f"/v1/organisations/{name}/suspend", {"kind": "sanction"})

            threads = [threading.Thread(target=order, args=[name]) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([200] * 3, [said[name][0] for name in names], said)
            for name in names:
                self.assertIn("sanction", json.dumps(self.answers(200, "GET", f"/v1/organisations/{name}")), name)
                self.answers(200, "POST", f"/v1/organisations/{name}/resume")

    def test_the_end_of_an_outage_is_a_time_to_come_and_near(self):
        for until in ("2026-12-01T06:00:00Z #", "2020-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "tomorrow"):
            said = self.answers(
                400, "POST", "/v1/organisations/greenstone/suspend", {"kind": "outage", "until": until}, who=CLERK
            )
            self.assertIn("error", said)

    def test_an_apply_made_from_another_generation_is_refused(self):
        files = {
            str(path.relative_to(self.community.policy.folder)): path.read_text()
            for path in self.community.policy.folder.rglob("*.yaml")
        }
        generation = self.community.generation()
        files["limits.yaml"] = files.get("limits.yaml", "") + "# another word\n"
        said = self.answers(409, "POST", "/v1/apply", {"files": files, "base": generation + 7})
        self.assertIn("in force meanwhile", json.dumps(said))
        self.answers(200, "POST", "/v1/apply", {"files": files, "base": generation})


if __name__ == "__main__":
    unittest.main()
