"""Distribution lists and groups in real mail: who gets a copy, who may write, who gets the bounces."""
import json
import unittest

from harness import CUSTODY, CUSTODY_INSIDE, ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.tools import source_root

DUTY = "northshire-duty@cjsm.net"
ANNA = "anna@greenstonechambers.co.uk"
OWNER = "control@northshire.police.example"
QUIET = "quiet@cjsm.net"
LOIS, ALF = "lois@cjsm.net", "alf@cjsm.net"  # hosted at the suffix itself: both forms of their address are one
OWNER_INSIDE = OWNER + ".cjsm.net"


class Lists(CommunityTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run = cls.community.postern
        run("user", "add", ANNA, "--name", "Anna")
        run("list", "add", DUTY, "--name", "Northshire duty", "--organisation", "northshire-police", "--owner", OWNER)
        run("list", "member", DUTY, ERIC, LISTING_INSIDE, CUSTODY)  # either form
        run("list", "add", "inner@greenstonechambers.co.uk", "--name", "Inner", "--owner", ERIC)
        run("list", "member", "inner@greenstonechambers.co.uk", ANNA, ERIC, DUTY)
        run("list", "member", DUTY, "inner@greenstonechambers.co.uk")  # in a circle
        run("group", "add", "team@greenstonechambers.co.uk", "--name", "Team", "--owner", ERIC)
        run("group", "member", "team@greenstonechambers.co.uk", ERIC, "--may", "read,mail")
        run("group", "member", "team@greenstonechambers.co.uk", ANNA, "--may", "read,write")

    def send(self, sender, recipients, subject, organisation="greenstone", **headers):
        content = make_message(sender, recipients if isinstance(recipients, str) else recipients[0], subject, **headers)
        return self.community.send(organisation, sender, recipients, content)

    def copies(self, server, subject):
        return [message for message in server.messages if subject in (message.header("Subject") or "")]

    def test_each_member_gets_one_copy_whatever_ways_lead_to_them(self):
        self.assertReply(self.send(LISTING, DUTY, "To all on duty", "crown-court"), 250)
        message = self.arrives(self.greenstone, "To all on duty")
        self.arrives(self.court, "To all on duty")
        self.arrives(self.police, "To all on duty")
        self.community.wait_empty()
        recipients = sorted(r for m in self.copies(self.greenstone, "To all on duty") for r in m.recipients)
        self.assertEqual(sorted([ERIC, ANNA]), recipients)
        self.assertEqual(OWNER_INSIDE, message.sender)
        self.assertEqual("<northshire-duty.cjsm.net>", message.header("List-Id"))
        self.assertIn(f"mailto:{OWNER_INSIDE}", message.header("List-Unsubscribe"))
        self.assertIn(f"mailto:{DUTY}", message.header("List-Post"))
        self.assertIn(LISTING_INSIDE, message.header("From"))

    def test_who_is_named_beside_the_list_gets_one_copy_only(self):
        self.assertReply(self.send(LISTING, [DUTY, ERIC_INSIDE], "Both ways", "crown-court"), 250)
        self.arrives(self.greenstone, "Both ways")
        self.community.wait_empty()
        got = [r for m in self.copies(self.greenstone, "Both ways") for r in m.recipients]
        self.assertEqual(1, got.count(ERIC), got)

    def test_two_lists_that_share_members_give_them_one_copy(self):
        inner = "inner@greenstonechambers.co.uk.cjsm.net"
        self.assertReply(self.send(LISTING, [inner, DUTY], "Two lists", "crown-court"), 250)
        self.arrives(self.greenstone, "Two lists")
        self.arrives(self.police, "Two lists")
        self.community.wait_empty()
        got = [r for m in self.copies(self.greenstone, "Two lists") for r in m.recipients]
        self.assertEqual(1, got.count(ERIC), got)
        self.assertEqual(1, got.count(ANNA), got)

    def test_who_is_in_a_list_that_the_message_came_by_gets_it_by_another(self):
        inner = "inner@greenstonechambers.co.uk.cjsm.net"
        headers = {"List-Id": "<inner.greenstonechambers.co.uk.cjsm.net>"}
        self.assertReply(self.send(LISTING, [inner, DUTY], "By one of two", "crown-court", **headers), 250)
        self.arrives(self.police, "By one of two")
        self.community.wait_empty()
        got = [r for m in self.copies(self.greenstone, "By one of two") for r in m.recipients]
        self.assertEqual(1, got.count(ERIC), got)

    def test_trace_says_that_the_members_got_it(self):
        self.send(LISTING, DUTY, "Traced", "crown-court")
        self.arrives(self.greenstone, "Traced")
        story = wait_until(
            lambda: next((t for t in self.community.trace("--to", DUTY) if "expanded" in json.dumps(t)), None),
            15,
            "the ledger to say so",
        )
        self.assertIn("copies for 4 members", json.dumps(story))

    def test_a_bounce_goes_to_the_owner_and_not_to_who_wrote(self):
        self.court.order("rcpt", "550 5.1.1 no such person", matching="<listing@")
        self.send(ERIC, DUTY, "One fails")
        report = self.police.wait_for(lambda m: m.sender == "" and b"listing@crowncourt.example" in m.content)
        self.assertEqual([OWNER], report.recipients)
        self.community.wait_empty()
        self.assertEqual([], [m for m in self.greenstone.messages if m.sender == ""])

    def test_who_may_send_is_kept(self):
        inner = "inner@greenstonechambers.co.uk"
        try:
            self.community.postern("list", "edit", inner, "--senders", "organisation")
            self.assertReply(self.send(LISTING, inner + ".cjsm.net", "No", "crown-court"), "550 5.7.2", "own organisation")
            self.assertReply(self.send(ANNA, inner + ".cjsm.net", "Of the house"), 250)
            self.community.postern("list", "edit", inner, "--senders", CUSTODY)
            self.assertReply(self.send(ANNA, inner + ".cjsm.net", "Not named"), "550 5.7.2")
            self.assertReply(self.send(CUSTODY, inner + ".cjsm.net", "Named", "northshire-police"), 250)
            self.community.postern("list", "edit", inner, "--senders", "members")
            self.assertReply(self.send(LISTING, inner + ".cjsm.net", "A member by the inner list", "crown-court"), 250)
        finally:
            self.community.postern("list", "edit", inner, "--senders", "community")

    def test_mail_that_came_by_the_list_does_not_go_round(self):
        reply = self.send(ERIC, DUTY, "Round", List_Id="<northshire-duty.cjsm.net>")
        self.assertReply(reply, 250)
        report = self.greenstone.wait_for(lambda m: m.sender == "" and b"came by the list" in m.content)
        self.assertEqual([ERIC], report.recipients)
        self.assertEqual([], self.copies(self.court, "Round"))

    def test_a_report_to_a_list_is_refused(self):
        with self.community.client("crown-court") as client:
            client.command("MAIL FROM:<>")
            self.assertReply(client.command(f"RCPT TO:<{DUTY}>"), "550 5.7.2", "owner")

    # --- groups ---
    def test_who_has_mail_of_a_group_sends_as_the_group(self):
        team = "team@greenstonechambers.co.uk"
        content = make_message(team, LISTING_INSIDE, "As the team", Sender=ERIC)
        self.assertReply(self.community.send("greenstone", team, LISTING_INSIDE, content), 250)
        self.arrives(self.court, "As the team")
        content = make_message(team, LISTING_INSIDE, "By the envelope")
        self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)

    def test_who_has_not_is_refused_and_it_is_on_record(self):
        team = "team@greenstonechambers.co.uk"
        content = make_message(team, LISTING_INSIDE, "Not mine", Sender=ANNA)
        self.assertReply(
            self.community.send("greenstone", team, LISTING_INSIDE, content), "550 5.7.1", "may not send as", ERIC
        )
        content = make_message(team, LISTING_INSIDE, "Nobody's")
        self.assertReply(self.community.send("greenstone", team, LISTING_INSIDE, content), "550 5.7.1", "Sender:")
        records = self.community.postern("audit", "search", "--act", "send_as_group")["records"]
        self.assertEqual({"denied"}, {record["outcome"] for record in records})
        self.assertIn("person not proved", json.dumps(records))

    def test_another_organisation_can_not_use_the_groups_address(self):
        team = "team@greenstonechambers.co.uk.cjsm.net"
        content = make_message(team, ERIC_INSIDE, "Stolen")
        self.assertReply(self.community.send("crown-court", LISTING, ERIC_INSIDE, content), "550 5.7.1")
        for trick in ("team@greenstonechambers.co.uk.cjsm.net.cjsm.net", "TEAM@GREENSTONECHAMBERS.CO.UK"):
            content = make_message(trick, ERIC_INSIDE, "Stolen")
            self.assertReply(self.community.send("crown-court", LISTING, ERIC_INSIDE, content), 550)


class WhoIsOnIt(CommunityTest):
    """Under the demo's powers: what a list's members, and those who write to it, learn of who is on it."""

    @classmethod
    def prepare(cls, community):
        community.policy.write("permissions.yaml", (source_root() / "rules/permissions.yaml").read_text())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run = cls.community.postern
        run("user", "add", ANNA, "--name", "Anna")
        for address in (LOIS, ALF):
            run("user", "add", address, "--name", "Some Body", "--organisation", "smith")
        run("list", "add", QUIET, "--name", "Quiet", "--organisation", "northshire-police", "--owner", OWNER)
        run("list", "member", QUIET, ERIC, LOIS, ALF, LISTING, CUSTODY)

    send = Lists.send

    def seen_by(self, who, *arguments):
        """Messages that somebody's trace shows them."""
        done = self.community.run("--for", who, "trace", *arguments, "--json")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)["messages"]

    def test_a_member_sees_that_they_got_it_and_of_no_other_member(self):
        # Two are hosted at the suffix itself, where both forms of an address are the same.
        self.assertReply(self.send(LISTING, QUIET, "Who else", "crown-court"), 250)
        self.arrives(self.greenstone, "Who else")
        self.arrives(self.hosted, "Who else")
        self.community.wait_empty()
        forms = {ERIC: ERIC_INSIDE, LOIS: LOIS, ALF: ALF}
        for who, inside in forms.items():
            own = self.seen_by(who, "--to", inside)
            self.assertEqual([[inside]], [[r["address"] for r in m["recipients"]] for m in own])
            for other in (CUSTODY_INSIDE, LISTING_INSIDE, *forms.values(), ANNA + ".cjsm.net", "*police*", "*"):
                if other != inside:  # whether on the list or not
                    found = [r["address"] for m in self.seen_by(who, "--to", other) for r in m["recipients"]]
                    self.assertEqual([inside] if other == "*" else [], found, other)
            self.assertNotIn("custody@", json.dumps(self.seen_by(who)))
            shown = self.community.run("--for", who, "user", "show", QUIET, "--json")
            self.assertNotIn("members", json.loads(shown.stdout))

    def test_naming_somebody_beside_a_list_does_not_tell_whether_they_are_on_it(self):
        def told(subject, *beside):
            self.assertReply(self.send(ANNA, [QUIET, *beside], subject), 250)
            self.arrives(self.police, subject)
            self.community.wait_empty()
            mine = self.seen_by(ANNA, "--to", QUIET)[0]
            events = [e["reply"] for e in mine["events"] if e.get("recipient") == QUIET]
            return [reply for reply in events if "copies for" in reply]

        alone = told("Count alone")
        self.assertEqual(1, len(alone))
        self.assertEqual(alone, told("Count with a member", ERIC_INSIDE))
        self.assertEqual(alone, told("Count with another", ANNA + ".cjsm.net"))
        self.assertEqual(alone, told("Count with all", ERIC_INSIDE, LOIS, ALF, LISTING_INSIDE, CUSTODY_INSIDE))

class ListsOfAnyPolicy(CommunityTest):
    def test_a_policy_may_let_unnamed_mail_of_a_group_pass_and_records_it(self):
        self.community.policy.set("permissions.yaml", "group_sender", "{ not_named: allow }")
        self.community.reload()
        team = "team@greenstonechambers.co.uk"
        self.community.postern("group", "add", team, "--name", "Team", "--owner", ERIC)
        content = make_message(team, LISTING_INSIDE, "Unnamed")
        self.assertReply(self.community.send("greenstone", team, LISTING_INSIDE, content), 250)
        self.arrives(self.court, "Unnamed")
        record = self.community.postern("audit", "search", "--act", "send_as_group")["records"][0]
        self.assertEqual(("person not proved", "done"), (record["actor"], record["outcome"]))


if __name__ == "__main__":
    unittest.main()
