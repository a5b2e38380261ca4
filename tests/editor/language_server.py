"""yaml-language-server as an editor drives it: a client of the Language Server Protocol over standard input and output.

Knows what the tests need: to open a document, what is wrong in it and where, what completes at a place and what is
shown under the mouse. Standard library only.
"""
import json
import os
import pathlib
import queue
import subprocess
import threading

SERVER = "node_modules/yaml-language-server/out/server/src/server.js"
PATIENCE = 60  # seconds until an answer is overdue
ERROR = 1


class LanguageServer:
    """One server process; documents are opened and closed one after the other."""

    def __init__(self, programs, folder, schemas=None):
        """`programs`: where the packages are; `schemas`: {URI: pattern of paths}, beside those that files name."""
        self.schemas = schemas or {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
        self.process = subprocess.Popen(
            ["node", str(pathlib.Path(programs) / SERVER), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
        )
        self.answers, self.published = queue.Queue(), queue.Queue()
        self.number = self.version = 0
        threading.Thread(target=self._read, daemon=True).start()
        self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": pathlib.Path(folder).as_uri(),
                "capabilities": {
                    "workspace": {"configuration": True},
                    "textDocument": {
                        "completion": {
                            "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}
                        },
                        "hover": {"contentFormat": ["markdown", "plaintext"]},
                    },
                },
            },
        )
        self.notify("initialized", {})

    def _read(self):
        while header := self.process.stdout.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                header = self.process.stdout.readline()
            self._take(json.loads(self.process.stdout.read(length)))
        self.answers.put(None)
        self.published.put(None)

    def _take(self, message):
        method = message.get("method")
        if method == "workspace/configuration":
            self._send({"id": message["id"], "result": [self._settings(i) for i in message["params"]["items"]]})
        elif method and "id" in message:
            self._send({"id": message["id"], "result": None})
        elif method == "textDocument/publishDiagnostics":
            self.published.put(message["params"])
        elif not method:
            self.answers.put(message)

    def _settings(self, item):
        if item.get("section") != "yaml":
            return None
        # Off line: no store of schemas, and none but those that a file names.
        return {
            "validate": True,
            "completion": True,
            "hover": True,
            "schemas": self.schemas,
            "schemaStore": {"enable": False, "url": ""},
        }

    def _send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def notify(self, method, params):
        self._send({"method": method, "params": params})

    def request(self, method, params):
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=PATIENCE)
            if answer is None:
                raise AssertionError("yaml-language-server has ended")
            if answer["id"] == self.number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    # --- what an editor does ---
    def open(self, path, text):
        """Opens a document and waits for what the server says about it: [(line from 1, text)] of the errors."""
        uri = pathlib.Path(path).as_uri()
        self.version += 1  # the server keeps what it parsed by number, beyond the closing of a document
        document = {"uri": uri, "languageId": "yaml", "version": self.version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        while True:
            said = self.published.get(timeout=PATIENCE)
            if said is None:
                raise AssertionError("yaml-language-server has ended")
            if said["uri"] == uri:
                return [
                    (d["range"]["start"]["line"] + 1, d["message"])
                    for d in said["diagnostics"]
                    if d.get("severity", ERROR) == ERROR
                ]

    def close(self, path):
        self.notify("textDocument/didClose", {"textDocument": {"uri": pathlib.Path(path).as_uri()}})

    def errors(self, path, text):
        found = self.open(path, text)
        self.close(path)
        return found

    @staticmethod
    def _at(path, text, offset):
        before = text[:offset]
        line = before.count("\n")
        return {
            "textDocument": {"uri": pathlib.Path(path).as_uri()},
            "position": {"line": line, "character": len(before) - (before.rfind("\n") + 1)},
        }

    def completions(self, path, text, offset):
        """{label: item} of what is offered at a place of a text."""
        self.open(path, text)
        result = self.request("textDocument/completion", self._at(path, text, offset))
        self.close(path)
        items = result["items"] if isinstance(result, dict) else result or []
        return {item["label"]: item for item in items}

    def hover(self, path, text, offset):
        """What is shown for the word at a place of a text."""
        self.open(path, text)
        result = self.request("textDocument/hover", self._at(path, text, offset))
        self.close(path)
        contents = (result or {}).get("contents", "")
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def stop(self):
        try:
            self.request("shutdown", None)
            self.notify("exit", None)
            self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.process.stdin.close()
            self.process.stdout.close()
