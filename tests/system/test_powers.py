"""What people try in order to have more power than they were given, through the control protocol."""
import datetime
import http.client
import json
import socket
import threading
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message
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
            if path.name != "directory.yaml"
        }
        generation = self.community.generation()
        files["limits.yaml"] = files.get("limits.yaml", "") + "# another word\n"
        said = self.answers(409, "POST", "/v1/apply", {"files": files, "base": generation + 7})
        self.assertIn("in force meanwhile", json.dumps(said))
        self.answers(200, "POST", "/v1/apply", {"files": files, "base": generation})


class Takeover(PowersTest):
    """Logins and roles of others."""

    def user(self, address, organisation, name="Some Body"):
        order = {"kind": "user", "create": True, "address": address, "organisation": organisation, "set": {"name": name}}
        self.answers(200, "POST", "/v1/entries", order)

    def test_who_gets_a_removed_persons_address_gets_nothing_else_of_theirs(self):
        pat = "pat.jones@cjsm.net"
        self.user(pat, "smith")
        self.answers(200, "POST", "/v1/grants", {"who": pat, "role": "service_manager"})
        self.answers(200, "POST", f"/v1/logins/{pat}/invite")
        self.community.postern("user", "remove", pat)
        self.assertEqual([], self.answers(200, "GET", f"/v1/grants?who={pat}")["grants"])
        self.user(pat, "victim-care")
        self.answers(403, "GET", "/v1/cases", who=pat)
        self.answers(404, "GET", f"/v1/logins/{pat}")

    def test_a_login_that_was_used_or_whose_owner_has_a_role_is_not_invited_again_by_an_administrator(self):
        self.user("plain@greenstonechambers.co.uk", "greenstone")
        self.user("chief@greenstonechambers.co.uk", "greenstone")
        self.answers(200, "POST", "/v1/grants", {"who": "chief@greenstonechambers.co.uk", "role": "service_administrator"})
        self.answers(200, "POST", "/v1/logins/chief@greenstonechambers.co.uk/invite")
        self.answers(200, "POST", "/v1/logins/plain@greenstonechambers.co.uk/invite", who=CLERK)
        self.answers(403, "POST", "/v1/logins/chief@greenstonechambers.co.uk/invite", who=CLERK)

    def test_nobody_hands_out_more_power_than_they_have(self):
        manager, other = "manager@greenstonechambers.co.uk", "other@greenstonechambers.co.uk"
        self.user(manager, "greenstone")
        self.user(other, "greenstone")
        self.answers(200, "POST", "/v1/grants", {"who": manager, "role": "service_manager"})
        self.answers(200, "POST", "/v1/grants", {"who": other, "role": "helpdesk"}, who=manager)
        for role in ("service_administrator", "operations"):
            self.answers(403, "POST", "/v1/grants", {"who": other, "role": role}, who=manager)

    def test_the_helpdesk_does_not_reach_a_suspended_holder_of_a_role(self):
        helper, holder = "helper@greenstonechambers.co.uk", "holder@crowncourt.example"
        self.user(helper, "greenstone")
        self.user(holder, "crown-court")
        self.answers(200, "POST", "/v1/grants", {"who": helper, "role": "helpdesk"})
        self.answers(200, "POST", "/v1/grants", {"who": holder, "role": "service_manager"})
        self.answers(403, "GET", f"/v1/logins/{holder}/reset", who=helper)
        self.community.postern("user", "suspend", holder, "--reason", "on leave")
        self.answers(403, "GET", f"/v1/logins/{holder}/reset", who=helper)


    def test_an_organisation_makes_no_address_that_speaks_for_the_service(self):
        for name in ("abuse", "HelpDesk", "mailer-daemon"):
            order = {
                "kind": "list",
                "create": True,
                "address": f"{name}@cjsm.net",
                "organisation": "greenstone",
                "set": {"name": "All", "owner": ERIC},
            }
            self.answers(403, "POST", "/v1/entries", order, who=CLERK)
            self.answers(200, "POST", "/v1/entries", order)

    def test_nobody_sends_people_on_to_an_address_outside(self):
        order = {"address": ERIC, "set": {"moved_to": "eric@elsewhere.example"}}
        self.answers(400, "POST", "/v1/entries", order, who=CLERK)


class WhatAnswersTell(PowersTest):
    """Whoever may find people, and no more, is answered alike about what they can't find and what is not there."""

    HIDDEN = ("veiled", "suspended", "gone", "quiet-group", "quiet-list")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run, at = cls.community.postern, "@greenstonechambers.co.uk"
        run("user", "add", "reader@northshire.police.example", "--name", "A Reader")
        run("user", "add", "veiled" + at, "--name", "Veiled", "--ex-directory", "true")
        for name in ("suspended", "gone"):
            run("user", "add", name + at, "--name", "Some Body")
        run("user", "suspend", "suspended" + at)
        run("user", "remove", "gone" + at)
        run("group", "add", "quiet-group" + at, "--name", "G", "--owner", ERIC, "--ex-directory", "true")
        run("list", "add", "quiet-list" + at, "--name", "L", "--owner", ERIC, "--ex-directory", "true")

    def test_no_answer_tells_what_is_hidden_from_what_is_not_there(self):
        orders = (
            lambda a: {"address": a, "set": {"name": "X"}},
            lambda a: {"address": a, "set": {"owner": "x@cjsm.net"}},
            lambda a: {"address": a, "status": "suspended"},
            lambda a: {"address": a, "members": {"put": ["x@cjsm.net"]}},
            lambda a: {"address": a, "create": True, "kind": "user", "set": {"name": "X"}},
        )
        paths = ["/v1/entries/{a}", "/v1/directory/entry?address={a}", "/v1/logins/{a}", "/v1/logins/{a}/reset",
                 "/v1/logins/{a}/unlock", "/v1/person/{a}", "/v1/accesses?about={a}", "/v1/trace?to={a}",
                 "/v1/may?who={a}&what=find_user&whom={a}", "/v1/grants?address={a}", "/v1/entries?like={n}"]
        posts = [(f"/v1/logins/{{a}}/{what}", lambda a: {}) for what in ("reset", "unlock", "invite", "end-sessions", "factor")]
        posts += [("/v1/person/{a}/forget", lambda a: {}), ("/v1/accesses", lambda a: {"about": a, "who": a, "reason": "x"}),
                  ("/v1/grants", lambda a: {"address": a, "role": "auditor"})]
        asked = [("GET", path, None) for path in paths]
        asked += [("POST", "/v1/entries", order) for order in orders] + [("POST", *post) for post in posts]
        for who in ("reader@northshire.police.example", "control@northshire.police.example", ERIC):
            for method, path, body in asked:
                heard = {}
                for name in ("nobody-there", *self.HIDDEN):
                    address = name + "@greenstonechambers.co.uk"
                    got, said = self.ask(method, path.format(a=address, n=name), body(address) if body else None, who=who)
                    heard[name] = (got, json.dumps(said).replace(name, "NAME"))
                self.assertEqual(1, len(set(heard.values())), f"{who} {method} {path}: {heard}")

    def test_who_works_on_the_policy_rehearses_with_everybody(self):
        said = self.answers(200, "GET", "/v1/directory/entry?address=veiled@greenstonechambers.co.uk")
        self.assertEqual("active", said["status"])


class Records(PowersTest):
    def test_what_is_no_text_does_not_make_the_audit_unreadable(self):
        self.answers(403, "GET", "/v1/directory/export?organisation=%ff%0a%00", who=ERIC)
        self.answers(403, "GET", "/v1/directory/export?organisation=" + "x" * 3000, who=ERIC)
        records = self.answers(200, "GET", "/v1/audit")["records"]
        self.assertTrue(all(len(record["target"]) < 400 for record in records))
        exported = self.community.folder / "audit.ndjson"
        exported.write_text(self.community.run("audit", "export").stdout)
        checked = self.community.run("audit", "verify", exported)
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_a_version_that_is_no_whole_number_is_refused_in_words(self):
        for version in (-1, 1.5, 1e300, "2"):
            order = {"address": ERIC, "version": version, "set": {"name": "Eric Brown"}}
            said = self.answers(400, "POST", "/v1/entries", order)
            self.assertIn("version", said["error"])

    def test_a_person_counts_once_however_their_address_is_written(self):
        self.community.policy.write("content.yaml", "rules:\n  - name: kept\n    when: { message.subject: kept }\n    then: { quarantine: looked at }\n")
        self.community.postern("reload")
        first = "desk@smithsolicitors.co.uk"
        self.community.postern("user", "add", first, "--name", "Some Body")
        self.answers(200, "POST", "/v1/grants", {"who": first, "role": "operations"})
        self.answers(200, "POST", "/v1/grants", {"who": ERIC, "role": "operations"})
        content = make_message(ERIC, LISTING_INSIDE, "kept")
        number = str(self.community.send("greenstone", ERIC, LISTING_INSIDE, content)).split("Taken as ")[1].split()[0]
        path = f"/v1/quarantine/{number}/release"
        for spelling in (ERIC, ERIC.title(), ERIC.upper(), ERIC + ".cjsm.net"):
            self.assertIn("the sender", json.dumps(self.answers(409, "POST", path, {"reason": "x"}, who=spelling)))
        self.answers(202, "POST", path, {"reason": "x"}, who=first)
        for spelling in (first.title(), first + ".cjsm.net", None):
            self.answers(409, "POST", path, {"reason": "x"}, who=spelling)


if __name__ == "__main__":
    unittest.main()
