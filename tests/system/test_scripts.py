# builds: asan release
"""Lua rules in real mail: what they order happens, what attacks the engine meets on_error, and others go on."""
import subprocess
import threading
import unittest

import harness  # noqa: F401
from harness import CommunityTest, make_message
from harness.case import CUSTODY_INSIDE, ERIC, LISTING_INSIDE

ATTACKS = {
    "endless": "while true do end",
    "endless in pcall": "while true do pcall(function() while true do end end) end",
    "memory": "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "string bomb": "return ('x'):rep(1e9)",
    "backtracking": "return (('a'):rep(200)):find(('a*'):rep(60) .. 'b')",
    "error in error": "error(setmetatable({}, { __tostring = function() error('again') end }))",
    "deep": "local function f() return 1 + f() end return f()",
    "library": "string.format = nil",
    "metatable": "getmetatable('').__index = nil",
    "bytecode": "return load('\\27Lua')()",
    "outside": "return os.execute('true')",
    "wrong order": "return postern.redirect('listing@crowncourt.example.cjsm.net')",
}
ORDINARY = """
return function(message)
  if message.subject == "to be tagged" then return postern.tag_subject("SCRIPT: ") end
  if message.subject == "to be refused" then return postern.reject("5.7.1 A script says no to " .. message.sender.address) end
end
"""
RULE = """  - name: {name}
    when: {{ message.subject: "{subject}" }}
    lua: {name}.lua
    may: [reject, quarantine]
    on_error: {on_error}
"""
LENIENT = """  - name: lenient
    when: { message.subject: "whatever it says" }
    lua: lenient.lua
    may: [tag_subject, annotate]
    on_error: ignore
"""


class Scripts(CommunityTest):
    @classmethod
    def prepare(cls, community):
        rules = "rules:\n  - { name: ordinary, lua: ordinary.lua, may: [tag_subject, reject] }\n" + LENIENT
        community.policy.write("lua/ordinary.lua", ORDINARY)
        community.policy.write("lua/lenient.lua", "return function() error('not today') end\n")
        for at, (subject, body) in enumerate(ATTACKS.items()):
            name, on_error = f"attack-{at}", "reject" if at % 2 else "defer"
            community.policy.write(f"lua/{name}.lua", f"return function(message)\n  {body}\nend\n")
            rules += RULE.format(name=name, subject=subject, on_error=on_error)
        community.policy.write("content.yaml", rules)

    def send(self, subject, recipient=LISTING_INSIDE):
        return self.community.send("greenstone", ERIC, recipient, make_message(ERIC, recipient, subject))

    def test_what_a_script_orders_happens(self):
        self.assertReply(self.send("to be tagged"), 250)
        self.arrives(self.court, "SCRIPT: to be tagged")
        self.assertReply(self.send("to be refused"), "550 5.7.1", f"no to {ERIC}.cjsm.net")

    def test_an_attack_meets_on_error_and_the_engine_stays_up(self):
        process = self.community.process.pid
        for at, subject in enumerate(ATTACKS):
            with self.subTest(attack=subject):
                code = ("451 4.7.1", "550 5.7.1")[at % 2]
                self.assertReply(self.send(subject), code)
        self.assertReply(self.send("as before"), 250)
        self.arrives(self.court, "as before")
        self.assertEqual(process, self.community.process.pid)
        self.assertIsNone(self.community.process.poll())

    def test_an_error_that_is_ignored_lets_the_message_go_on_and_is_told(self):
        reply = self.send("whatever it says")
        self.assertReply(reply, 250)
        self.arrives(self.court, "whatever it says")
        traced = self.community.trace(str(reply).split("Taken as ")[1].split()[0])[0]
        notes = traced["recipients"][0]["decision"]["notes"]
        self.assertIn("lenient: its script failed: lenient.lua:1: not today", notes[0])

    def test_others_go_on_while_scripts_loop(self):
        attacks = [threading.Thread(target=self.send, args=("endless", CUSTODY_INSIDE)) for _ in range(6)]
        for thread in attacks:
            thread.start()
        for at in range(10):
            self.assertReply(self.send(f"undisturbed {at}"), 250)
        for thread in attacks:
            thread.join(60)
            self.assertFalse(thread.is_alive())

    def test_postern_lua_runs_a_script_on_a_message(self):
        script, letter = self.community.folder / "mine.lua", self.community.folder / "letter.eml"
        letter.write_bytes(make_message(ERIC, LISTING_INSIDE, "to be refused"))
        for text, code, words in (
            (ORDINARY, 0, "reject 5.7.1"),
            ("return function(m) postern.log(m.subject) return nil end", 0, "to be refused"),
            ("return function(m) while true do end end", 1, "used more than"),
            ("return function(m) return m.nothing.at_all end", 1, "mine.lua:1"),
            ("return function(m) ret", 1, "mine.lua:1"),
        ):
            script.write_text(text)
            done = subprocess.run(
                [self.community.bin / "postern", "lua", letter, script, "--policy", self.community.policy.folder],
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(code, done.returncode, done.stdout + done.stderr)
            self.assertIn(words, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
