"""postern test: a policy proves itself, and a reload does not go live where it fails to."""
import json
import unittest

from harness import ERIC, ERIC_INSIDE, LISTING, LISTING_INSIDE, CommunityTest

TESTS = f"""tests:
  - name: mail to a member server is tagged once
    given: {{ connects_from: greenstone, from: {ERIC}, to: [{LISTING_INSIDE}],
             message: {{ subject: "Listing", size: 20 KiB }} }}
    expect: {{ verdict: deliver, organisation: crown-court, subject: "CJSM: Listing", rule: secure-subject,
              headers: {{ X-Secure-Email: "generation=*" }} }}
  - name: large mail is refused with the name of the limit
    given: {{ from: {LISTING}, to: [{ERIC_INSIDE}], message: {{ size: 5 MiB }} }}
    expect: {{ verdict: reject, reply: "5.3.4 Greenstone Chambers*" }}
"""


class PolicyTests(CommunityTest):
    def setUp(self):
        super().setUp()
        self.policy = self.community.policy
        self.policy.write("tests/mail.yaml", TESTS)
        self.limits = self.policy.read("limits.yaml")

    def tearDown(self):
        super().tearDown()
        (self.policy.folder / "tests" / "mail.yaml").unlink()
        self.policy.write("limits.yaml", self.limits)
        self.community.reload()

    def run_tests(self, *arguments):
        return self.community.run("test", self.policy.folder, *arguments)

    def test_a_good_policy_passes_and_rules_without_a_test_are_named(self):
        done = self.run_tests()
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("2 tests passed, 0 failed", done.stdout)
        self.assertIn("small-for-custody", done.stdout)
        self.assertNotIn("secure-subject", done.stdout)

    def test_a_failure_says_what_was_expected_what_came_and_which_rules_decided(self):
        self.policy.edit("tests/mail.yaml", "verdict: deliver", "verdict: reject")
        done = self.run_tests()
        self.assertEqual(1, done.returncode)
        for fragment in (
            "tests/mail.yaml:2:11: FAILED mail to a member server is tagged once",
            f"<{LISTING_INSIDE}> verdict: expected reject, came deliver",
            "secure-subject",
            "1 test passed, 1 failed",
        ):
            self.assertIn(fragment, done.stdout)
        answer = json.loads(self.run_tests("--json").stdout)
        self.assertEqual((1, 1, False), (answer["passed"], answer["failed"], answer["good"]))

    def test_a_filter_chooses_by_name(self):
        answer = json.loads(self.run_tests("--json", "--filter", "large*").stdout)
        self.assertEqual(["large mail is refused with the name of the limit"], [t["name"] for t in answer["tests"]])

    def test_a_mistake_in_a_test_has_its_place(self):
        self.policy.edit("tests/mail.yaml", "verdict: reject", "verdit: reject")
        done = self.run_tests()
        self.assertEqual(1, done.returncode)
        self.assertIn('unknown key "verdit"', done.stdout)
        self.assertIn('did you mean "verdict"?', done.stdout)
        self.policy.write("tests/mail.yaml", TESTS.replace("connects_from: greenstone", "connects_from: greenstones"))
        done = self.run_tests()
        self.assertIn('there is no organisation "greenstones"', done.stdout)
        self.assertIn('did you mean "greenstone"?', done.stdout)

    def test_a_reload_with_a_failing_test_keeps_the_generation(self):
        self.community.reload()
        before = self.community.generation()
        self.policy.set("limits.yaml", "message_size", "3 MiB")
        self.policy.edit("tests/mail.yaml", "Greenstone Chambers*", "Greenstone Chambers*4 MiB*")
        done = self.community.run("reload")
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertIn("large mail is refused with the name of the limit", done.stdout + done.stderr)
        self.assertEqual(before, self.community.generation())


if __name__ == "__main__":
    unittest.main()
