"""What an operator has: check, status, the queue, trace, metrics, the log, the authority."""
import json
import time
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest, make_message, wait_until


class Operator(CommunityTest):
    settings = {
        "retry": "{ first: 1 hour, factor: 2, at_most: 1 hour, jitter: 0 %, delay_report: 20 hours, "
        "give_up: 2 days }"
    }

    def stuck(self, subject, name="stuck"):
        """A message that waits for an hour; its row of the queue."""
        recipient = f"{name}@crowncourt.example.cjsm.net"
        self.court.order("rcpt", "450 4.2.1 not now", matching=f"<{name}@")
        self.assertReply(
            self.community.send("greenstone", ERIC, recipient, make_message(ERIC, recipient, subject)), 250
        )
        return wait_until(
            lambda: next(
                (
                    row
                    for row in self.community.queue()
                    if recipient in json.dumps(row) and "not now" in json.dumps(row)
                ),
                None,
            ),
            15,
            "it in the queue",
        )

    def identifier(self, row):
        return row.get("id") or row["message"]["id"]

    def gone(self, name):
        wait_until(lambda: f"{name}@" not in json.dumps(self.community.queue()), 15, f"{name} out of the queue")

    # --- queue ---
    def test_retry_tries_now(self):
        row = self.stuck("Tried now", "retry")
        self.court.forget()
        self.community.postern("queue", "retry", self.identifier(row))
        self.arrives(self.court, "Tried now")
        self.gone("retry")

    def test_hold_and_release(self):
        row = self.stuck("Held", "hold")
        self.court.forget()
        self.community.postern("queue", "hold", self.identifier(row))
        self.community.run("queue", "retry", self.identifier(row))  # what is held stays held
        self.stays_away(self.court, "Held", 1)
        self.assertIn("hold@", json.dumps(self.community.queue("--held")))
        self.community.postern("queue", "release", self.identifier(row))
        self.arrives(self.court, "Held")

    def test_remove_makes_it_go_without_a_report_and_trace_says_so(self):
        row = self.stuck("Removed", "remove")
        self.community.postern("queue", "remove", self.identifier(row))
        self.gone("remove")
        self.assertIn("removed", json.dumps(self.community.trace(self.identifier(row))))
        self.stays_away(self.greenstone, "remove", 1)

    def test_what_waits_for_its_turn_can_be_removed(self):
        self.community.deliver_to("crown-court", self.court.port, more="\n  concurrency: 1")
        self.community.reload()
        self.court.order("end", delay=2)
        try:
            for i in range(4):
                content = make_message(ERIC, LISTING_INSIDE, f"In line {i}")
                self.assertReply(self.community.send("greenstone", ERIC, LISTING_INSIDE, content), 250)
            self.community.postern("queue", "remove", "--to", LISTING_INSIDE)
            self.gone("listing")
            taken = [m for m in self.court.messages if "In line" in m.header("Subject")]
            self.assertLessEqual(len(taken), 1)  # the one that was under way
        finally:
            self.community.deliver_to("crown-court", self.court.port)
            self.community.reload()

    def test_bounce_tells_the_sender(self):
        row = self.stuck("Bounced", "bounce")
        self.community.postern("queue", "bounce", self.identifier(row))
        self.greenstone.wait_for(lambda m: m.sender == "" and b"bounce@crowncourt.example.cjsm.net" in m.content)
        self.gone("bounce")

    def test_filters_choose(self):
        self.stuck("One of two", "first")
        self.stuck("Two of two", "second")
        found = self.community.queue("--to", "first@*")
        self.assertEqual(1, len(found))
        self.assertEqual([], self.community.queue("--from", "nobody@*"))
        self.assertGreaterEqual(len(self.community.queue("--organisation", "crown-court")), 2)
        self.court.forget()
        self.community.postern("queue", "retry", "--to", "first@*")
        self.arrives(self.court, "One of two")
        self.gone("first")
        self.assertIn("second@", json.dumps(self.community.queue()))

    def test_show_tells_everything_about_one(self):
        row = self.stuck("Shown", "show")
        text = self.community.run("queue", "show", self.identifier(row)).stdout
        for part in ("show@crowncourt.example.cjsm.net", ERIC_INSIDE, "not now"):
            self.assertIn(part, text)

    def test_an_unknown_id_is_said_to_be_unknown(self):
        done = self.community.run("queue", "show", "no-such-id")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("no-such-id", done.stdout + done.stderr)

    # --- trace ---
    def test_trace_tells_the_story_of_a_message(self):
        started = time.time()
        self.community.send("greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Story"))
        self.arrives(self.court, "Story")
        story = wait_until(
            lambda: next(
                (
                    t
                    for t in self.community.trace("--from", ERIC_INSIDE, "--to", LISTING_INSIDE)
                    if "relayed" in json.dumps(t)
                ),
                None,
            ),
            10,
            "the end of the story",
        )
        text = json.dumps(story)
        for part in ("received", "attempt", "250 2.0.0 kept", "TLSv1.", "generation", "greenstone"):
            self.assertIn(part, text)
        self.assertNotIn("Good morning", text)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started - 5))
        self.assertTrue(self.community.trace("--since", since))
        self.assertEqual([], self.community.trace("--from", "nobody@*"))

    def test_a_message_that_is_not_there_is_refused_to_programs_as_well(self):
        for more in ([], ["--json"], ["--explain"], ["--explain", "--json"]):
            done = self.community.run("trace", "nope", *more)
            self.assertEqual(1, done.returncode, more)
            self.assertIn("no message was found", done.stdout + done.stderr)

    def test_trace_finds_by_the_message_id_header(self):
        self.community.send(
            "greenstone",
            ERIC,
            LISTING_INSIDE,
            make_message(ERIC, LISTING_INSIDE, "By header", Message_ID="<find-me@greenstonechambers.co.uk>"),
        )
        self.assertTrue(wait_until(lambda: self.community.trace("<find-me@greenstonechambers.co.uk>")))

    def test_a_refused_recipient_is_in_the_log_with_its_reason(self):
        with self.community.client("crown-court") as client:
            client.mail(LISTING)
            client.rcpt("eric.browne@greenstonechambers.co.uk.cjsm.net")
        wait_until(
            lambda: [line for line in self.community.log() if "eric.browne@" in json.dumps(line)], 5, "the log line"
        )

    # --- status, metrics, log ---
    def test_status_says_how_it_goes(self):
        status = self.community.postern("status")
        self.assertGreaterEqual(status["generation"], 1)
        self.assertIn("queue", status)
        self.assertIn("generation", self.community.run("status").stdout)

    def test_metrics_are_prometheus_text_on_loopback(self):
        self.community.send("greenstone", ERIC, LISTING_INSIDE, make_message(ERIC, LISTING_INSIDE, "Counted"))
        self.arrives(self.court, "Counted")
        lines = [line for line in self.community.metrics().splitlines() if line and not line.startswith("#")]
        self.assertTrue(all(line.startswith("postern_") for line in lines), lines[:3])
        values = {line.split("{")[0].split(" ")[0] for line in lines}
        self.assertGreaterEqual(len(values), 8)
        for line in lines:
            float(line.rsplit(" ", 1)[1])

    def test_every_log_line_is_json_with_time_and_event(self):
        lines = [line for line in self.community.log_file.read_text().splitlines() if line.strip()]
        for line in lines:
            self.assertIsInstance(json.loads(line), dict)
        delivered = [line for line in self.community.log() if "generation" in line]
        self.assertTrue(delivered)

    def test_the_control_socket_is_for_its_owner(self):
        self.assertEqual(0, self.community.socket.stat().st_mode & 0o007)

    # --- check ---
    def test_check_finds_nothing_wrong_with_the_demo(self):
        done = self.community.run("check", self.community.policy.folder)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_check_shows_place_caret_and_remedy_of_every_fault(self):
        import shutil

        folder = self.community.folder / "faulty"
        shutil.copytree(self.community.policy.folder, folder)
        from harness.policy_text import Policy

        Policy(folder).set("limits.yaml", "mesage_size", "5 MiB")
        Policy(folder).set("limits.yaml", "message_size", "10")
        done = self.community.run("check", folder)
        self.assertNotEqual(0, done.returncode)
        text = done.stdout + done.stderr
        self.assertRegex(text, r'limits\.yaml:\d+:\d+: unknown key "mesage_size"')
        self.assertRegex(text, r"\^~+ did you mean \"message_size\"\?")
        self.assertRegex(text, r"limits\.yaml:\d+:\d+: .*(unit|10 MiB)")
        faults = json.loads(self.community.run("check", folder, "--json").stdout)
        faults = faults if isinstance(faults, list) else faults["diagnostics"]
        self.assertEqual(2, len([f for f in faults if f["severity"] == "error"]))
        self.assertEqual({"limits.yaml"}, {f["file"] for f in faults})

    # --- the authority ---
    def test_a_revoked_certificate_no_longer_opens_the_door(self):
        fresh = self.community.authority.issue("mail.crowncourt.example", self.community.folder / "revocable")
        with self.community.client("crown-court", certificate=fresh) as client:
            self.assertReply(client.mail(LISTING), 250)
        listed = self.community.run("ca", "list", "--ca", self.community.authority.folder, "--json").stdout
        serials = [c["serial"] for c in self.rows(json.loads(listed)) if "mail.crowncourt.example" in json.dumps(c)]
        self.assertEqual(2, len(serials))
        done = self.community.run("ca", "revoke", "--ca", self.community.authority.folder, serials[-1])
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.community.reload()
        with self.community.client("crown-court", certificate=fresh) as client:
            self.assertReply(client.mail(LISTING), "550 5.7.1")
        with self.community.client("crown-court") as client:
            self.assertReply(client.mail(LISTING), 250)

    def rows(self, value):
        from harness.community import rows

        return rows(value)


if __name__ == "__main__":
    unittest.main()
