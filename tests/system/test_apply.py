# builds: asan release threads
"""apply: a policy from another folder goes live, for good or on trial, and the engine's directory follows it."""
import json
import os
import shutil
import subprocess
import threading
import unittest

from harness import ERIC, LISTING_INSIDE, CommunityTest, make_message, wait_until
from harness.policy_text import Policy


FAILING_TEST = """tests:
  - name: the court gets nothing from chambers
    given: { connects_from: greenstone, from: eric.brown@greenstonechambers.co.uk,
             to: [listing@crowncourt.example.cjsm.net], message: { subject: "Listing", size: 20 KiB } }
    expect: { verdict: reject }
"""


class Apply(CommunityTest):
    def setUp(self):
        super().setUp()
        self.policy = self.community.policy
        self.mine = Policy(self.community.folder / "mine")
        shutil.rmtree(self.mine.folder, ignore_errors=True)
        done = self.community.run("get", "--out", self.mine.folder)
        self.assertEqual(0, done.returncode, done.stderr)
        self.before = self.community.generation()
        self.next = self.newest()["generation"] + 1  # a number is used once

    def tearDown(self):
        super().tearDown()
        if self.community.postern("status")["trial"]:
            self.community.run("revert")
        self.community.reload()

    def apply(self, *more, code=0):
        done = self.community.run("apply", self.mine.folder, *more)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def limit(self, text):
        self.mine.set("limits.yaml", "message_size", text)

    def size_limit(self):
        with self.community.client("greenstone") as client:
            return int(client.offered["SIZE"]) >> 20

    def newest(self):
        return self.community.postern("generations")["generations"][-1]

    def test_a_policy_from_elsewhere_goes_live_and_into_the_directory(self):
        self.limit("9 MiB")
        self.mine.write("lua/unused.lua", "return function() end\n")
        self.policy.write("tls/mx.key", "a key beside the policy")
        text = self.apply("--comment", "for the trials of spring")
        self.assertIn(f"generation {self.next} is in force", text)
        self.assertEqual(9, self.size_limit())
        self.assertIn("9 MiB", self.policy.read("limits.yaml"))
        self.assertTrue((self.policy.folder / "lua/unused.lua").exists())
        self.assertEqual("a key beside the policy", self.policy.read("tls/mx.key"))
        self.assertTrue((self.policy.folder / "directory.yaml").exists())
        self.assertRegex(self.newest()["how"], r"^apply by \w+$")
        self.assertEqual("for the trials of spring", self.newest()["comment"])
        # What the engine wrote itself makes no further generation.
        self.community.reload()
        self.assertEqual(self.next, self.community.generation())
        self.assertIn("nothing has changed", self.apply())

    def test_a_policy_that_is_not_fit_changes_nothing(self):
        self.limit("lots")
        text = self.apply(code=1)
        for part in ("limits.yaml:", '"lots"', "^~", "nothing was sent"):
            self.assertIn(part, text)
        self.limit("9 MiB")
        self.mine.write("organisations/other.yaml", self.mine.read("organisations/greenstone.yaml"))
        text = self.apply(code=1)
        for part in ("organisations/other.yaml:", f"apply rejected: generation {self.before} stays in force"):
            self.assertIn(part, text)
        self.mine.write("contents.yaml", "rules: []\n")
        self.assertIn("contents.yaml: unknown file", self.apply(code=1))
        self.assertEqual(self.before, self.community.generation())
        self.assertFalse((self.policy.folder / "organisations/other.yaml").exists())
        self.assertEqual([], self.community.postern("status")["alarms"])

    def test_a_policy_made_before_a_suspension_does_not_end_it_unasked(self):
        self.community.postern("organisation", "suspend", "greenstone", "--reason", "terms")
        suspended = self.community.generation()
        self.limit("9 MiB")
        for text in (self.apply(code=1), self.community.run("rollback", self.before).stderr):
            for part in ("would end the sanction of greenstone (terms)", "--lift greenstone", f"generation {suspended} stays"):
                self.assertIn(part, text)
        self.assertEqual(suspended, self.community.generation())
        self.apply("--lift", "crown-court", code=1)
        self.apply("--lift", "greenstone")
        self.assertNotIn("suspended", self.community.postern("organisation", "show", "greenstone"))
        # What leaves it as it is needs no such word.
        self.community.postern("organisation", "suspend", "greenstone", "--reason", "terms")
        shutil.rmtree(self.mine.folder)
        self.community.run("get", "--out", self.mine.folder)
        self.limit("8 MiB")
        self.apply()
        self.assertEqual("sanction", self.community.postern("organisation", "show", "greenstone")["suspended"])
        self.community.postern("organisation", "resume", "greenstone")

    def test_a_suspension_does_not_wait_for_tests_to_be_rewritten(self):
        test = FAILING_TEST.replace("reject", "deliver")
        self.policy.write("tests/own.yaml", test)
        self.community.reload()
        self.assertEqual(0, self.community.run("test", self.policy.folder).returncode)
        done = self.community.run("organisation", "suspend", "greenstone", "--reason", "terms")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("the court gets nothing from chambers", done.stdout)
        self.assertIn("greenstone is suspended", done.stdout)
        self.assertIn("a reload does not wait", self.community.run("test", self.policy.folder).stdout)
        self.community.stop()
        self.community.start()
        self.assertEqual("sanction", self.community.postern("organisation", "show", "greenstone")["suspended"])
        # Of others it still decides.
        self.policy.write("tests/own.yaml", test.replace("greenstone", "smith").replace("deliver", "quarantine"))
        self.assertEqual(1, self.community.run("reload").returncode)
        self.policy.write("tests/own.yaml", test)
        self.community.postern("organisation", "resume", "greenstone")
        (self.policy.folder / "tests/own.yaml").unlink()

    def test_a_policy_whose_own_test_fails_stays_out(self):
        self.mine.write("tests/own.yaml", FAILING_TEST)
        for arguments in ((), ("--try", "1 hour")):
            text = self.apply(*arguments, code=1)
            for part in ("the court gets nothing from chambers", "tests/own.yaml:2", f"generation {self.before} stays"):
                self.assertIn(part, text)
        self.assertEqual([], self.community.postern("status")["alarms"])
        self.policy.write("tests/own.yaml", FAILING_TEST)
        done = self.community.run("reload")
        self.assertEqual(1, done.returncode)
        self.assertIn("the court gets nothing from chambers", done.stdout + done.stderr)
        self.assertEqual(self.before, self.community.generation())
        status = self.community.postern("status")
        self.assertEqual("rejected", status["last_reload"]["outcome"])
        self.assertIn("the court gets nothing from chambers", str(status["last_reload"]["diagnostics"]))
        self.assertIn("the court gets nothing from chambers", str(status["alarms"]))
        self.assertTrue([line for line in self.community.log() if "the court gets nothing" in str(line)])
        self.policy.write("tests/own.yaml", FAILING_TEST.replace("reject", "deliver"))
        self.community.reload()
        self.assertEqual(self.next, self.community.generation())
        self.assertEqual([], self.community.postern("status")["alarms"])
        (self.policy.folder / "tests/own.yaml").unlink()

    def test_a_trial_that_nobody_confirms_goes_back_by_itself(self):
        old = self.size_limit()
        self.limit("8 MiB")
        text = self.apply("--try", "2s")
        for part in ("on trial until", "postern confirm", f"else generation {self.before} comes back"):
            self.assertIn(part, text)
        self.assertEqual(8, self.size_limit())
        self.assertIn("on trial until", self.community.run("status").stdout)
        self.assertNotIn("8 MiB", self.policy.read("limits.yaml"))
        wait_until(lambda: self.community.generation() == self.before, 20, "the generation before")
        self.assertEqual(old, self.size_limit())
        self.assertEqual("not confirmed", self.newest()["trial"])
        alarms = self.community.postern("status")["alarms"]
        self.assertIn("was not confirmed in time", alarms[0]["text"])
        self.assertTrue([line for line in self.community.log() if "was not confirmed" in str(line)])
        self.limit("7 MiB")
        self.apply()
        self.assertEqual(self.next + 1, self.community.generation())
        self.assertEqual([], self.community.postern("status")["alarms"])

    def test_a_trial_that_is_confirmed_stays_and_becomes_the_directorys(self):
        self.limit("6 MiB")
        self.apply("--try", "1 hour")
        done = self.community.run("confirm")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn(f"generation {self.next} stays in force", done.stdout)
        self.assertIn("6 MiB", self.policy.read("limits.yaml"))
        self.assertIsNone(self.community.postern("status")["trial"])
        self.assertEqual("confirmed", self.newest()["trial"])
        self.community.kill()
        self.community.start()
        self.assertEqual(self.next, self.community.generation())
        self.assertEqual(6, self.size_limit())

    def test_a_trial_can_be_taken_back(self):
        self.limit("5 MiB")
        self.apply("--try", "1 hour")
        done = self.community.run("revert")
        self.assertIn(f"generation {self.before} is in force again", done.stdout)
        self.assertEqual(self.before, self.community.generation())
        for command in ("confirm", "revert"):
            done = self.community.run(command)
            self.assertEqual(1, done.returncode)
            self.assertIn("no generation is on trial", done.stderr)
        for wrong in ("soon", "0s", "8 days"):
            self.assertIn("error" if wrong != "soon" else "soon", self.apply("--try", wrong, code=1))

    def test_a_crash_during_a_trial_ends_it(self):
        old = self.size_limit()
        self.limit("4 MiB")
        self.apply("--try", "1 hour")
        self.assertEqual(4, self.size_limit())
        self.community.kill()
        self.community.start()
        self.assertEqual(self.before, self.community.generation())
        self.assertEqual(old, self.size_limit())
        self.assertIn("not confirmed", str(self.community.postern("status")["alarms"]))
        self.assertEqual("not confirmed", self.newest()["trial"])

    def test_slow_tests_keep_no_trial_from_its_end(self):
        self.limit("3 MiB")
        self.apply("--try", "3s")
        slow = "".join(
            f"  - name: slow {at}\n    given: {{ from: {ERIC}, to: {LISTING_INSIDE}, message: {{ size: 3 MiB }} }}\n"
            "    expect: { verdict: deliver }\n"
            for at in range(4000)
        )
        files = {"tests/slow.yaml": "tests:\n" + slow}
        for path in self.mine.folder.rglob("*"):
            if path.is_file():
                files[str(path.relative_to(self.mine.folder))] = path.read_text()
        order = self.community.folder / "order.json"
        order.write_text(json.dumps({"files": files}))
        asked = subprocess.Popen(
            ["curl", "-s", "--unix-socket", self.community.socket, "--data-binary", f"@{order}", "http://local/v1/check"],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: not self.community.postern("status")["trial"], 60, "the trial's end")
        self.assertEqual("not confirmed", self.newest()["trial"])
        self.assertIn("given up: a trial ends", asked.communicate(timeout=60)[0])

    def test_during_a_trial_nothing_else_goes_live(self):
        self.limit("3 MiB")
        self.apply("--try", "1 hour")
        tried = self.community.generation()
        self.limit("2 MiB")
        self.assertIn(f"generation {tried} is on trial until", self.apply(code=1))
        for arguments in (("reload",), ("rollback", 1)):
            done = self.community.run(*arguments)
            self.assertEqual(1, done.returncode)
            self.assertIn("`postern confirm` keeps it", done.stdout + done.stderr)
        # A file edited in place waits for the end of the trial, and is not overwritten by the confirmation.
        self.policy.set("limits.yaml", "recipients", "150")
        wait_until(
            lambda: [line for line in self.community.log() if "changed during a trial" in line["event"]],
            20,
            "a line in the log",
        )
        self.assertEqual(tried, self.community.generation())
        done = self.community.run("confirm")
        self.assertEqual(1, done.returncode)
        self.assertIn("changes that are not in force (limits.yaml)", done.stdout + done.stderr)
        self.assertEqual(0, self.community.run("revert").returncode)
        wait_until(lambda: self.community.generation() == tried + 1, 20, "the edited policy")
        self.assertIn("recipients: 150", self.policy.read("limits.yaml"))
        self.limit("3 MiB")
        self.assertEqual(0, self.community.run("apply", self.mine.folder, "--try", "1 hour").returncode)
        self.policy.set("limits.yaml", "recipients", "140")
        self.assertEqual(0, self.community.run("confirm", "--overwrite").returncode)
        self.assertNotIn("140", self.policy.read("limits.yaml"))

    def test_rollback_has_trials_too(self):
        self.limit("9 MiB")
        self.apply()
        done = self.community.run("rollback", self.before, "--try", "1 hour")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0, self.community.run("confirm").returncode)
        self.assertNotIn("9 MiB", self.policy.read("limits.yaml"))

    def test_where_the_directory_is_a_link_the_link_is_swapped(self):
        folder, real = self.policy.folder, self.community.folder / "policy-7"
        folder.rename(real)
        folder.symlink_to("policy-7")
        self.limit("9 MiB")
        self.apply()
        self.assertEqual("policy.1", os.readlink(folder))
        self.assertIn("9 MiB", self.policy.read("limits.yaml"))
        self.assertNotIn("9 MiB", (real / "limits.yaml").read_text())
        self.assertTrue((folder / "directory.yaml").exists())
        self.community.reload()
        self.assertEqual(self.next, self.community.generation())

    def test_nobodys_mail_notices(self):
        faults, sent, stop = [], [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    message = make_message(ERIC, LISTING_INSIDE, f"Meanwhile {len(sent)}")
                    reply = self.community.send("greenstone", ERIC, LISTING_INSIDE, message)
                    (sent if reply.code == 250 else faults).append(str(reply))
                except Exception as error:  # whatever it was, it is what the test looks for
                    faults.append(repr(error))

        sender = threading.Thread(target=load)
        sender.start()
        for size in range(4):
            self.limit(f"{4 + size} MiB")
            self.apply("--try", "1 hour")
            self.community.run("confirm" if size % 2 else "revert")
        stop.set()
        sender.join()
        self.assertEqual([], faults)
        self.court.wait(len(sent), 60)

    def test_what_is_no_policy_is_refused_by_the_engine_too(self):
        for files in ({"../x.yaml": ""}, {"tls/mx.key": "k"}, {"node.yaml": 3}, {"node.yaml": {"base64": "%"}}, []):
            code, body = self.post("/v1/apply", {"files": files})
            self.assertEqual(400, code, body)
        for body in ({}, {"files": {}, "tri": "60s"}, {"files": {}, "try": 60}):
            self.assertEqual(400, self.post("/v1/apply", body)[0])
        self.assertEqual(409, self.post("/v1/apply", {"files": {}})[0])
        self.assertEqual(self.before, self.community.generation())

    def post(self, path, value):
        import http.client
        import socket

        connection = http.client.HTTPConnection("postern")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.community.socket))
        connection.request("POST", path, json.dumps(value), {"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


if __name__ == "__main__":
    unittest.main()
