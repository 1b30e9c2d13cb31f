"""A language server, asked over stdio as an editor asks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import IO, Any, Final, Self

_TIMEOUT: Final = 120.0  # seconds for an answer: the first one reads the whole package


class LanguageServer:
    """Pyright's language server with a folder open.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers: Queue[dict[str, Any]] = Queue()
        self._request_id = 0

    def __enter__(self) -> Self:
        server = Path(sys.executable).with_name("pyright-langserver")
        self._process = subprocess.Popen(
            [str(server), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input: IO[bytes] = self._process.stdin
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()
        uri = self._folder.as_uri()
        self._ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": "project"}],
                "capabilities": {
                    "workspace": {"configuration": True},
                    "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
                },
            },
        )
        self._send({"method": "initialized", "params": {}})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The command starts another process, which ends when it is asked to.
        self._ask("shutdown", {})
        self._send({"method": "exit"})
        self._input.close()
        self._process.wait(_TIMEOUT)
        self._reader.join()

    def open(self, name: str, text: str) -> Document:
        """Open a file that is not on the disk."""
        uri = (self._folder / name).as_uri()
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        return Document(self, uri, text)

    def ask(self, method: str, uri: str, line: int, column: int) -> Any:
        """Return the answer to a question about a place in a file."""
        place = {"line": line, "character": column}
        return self._ask(method, {"textDocument": {"uri": uri}, "position": place})

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        self._request_id += 1
        self._send({"id": self._request_id, "method": method, "params": params})
        while True:
            message = self._answers.get(timeout=_TIMEOUT)
            if message.get("id") == self._request_id and "method" not in message:
                return message["result"]
            if "id" in message and "method" in message:  # the server asks for settings
                self._send({"id": message["id"], "result": self._settings(message)})

    def _settings(self, message: Mapping[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        return [{"pythonPath": sys.executable} for _ in message["params"]["items"]]

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._input.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._input.flush()

    def _read(self, output: IO[bytes]) -> None:
        with output:
            while head := output.readline():
                length = 0
                while head.strip():
                    name, _, value = head.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                    head = output.readline()
                self._answers.put(json.loads(output.read(length)))


class Document:
    """An open file."""

    def __init__(self, server: LanguageServer, uri: str, text: str) -> None:
        self._server = server
        self._uri = uri
        self._text = text

    def hover(self, at: str) -> str:
        """Return what is shown for the name *at*, at its first place in the file."""
        answer = self._server.ask("textDocument/hover", self._uri, *self._place(at))
        return "" if answer is None else str(answer["contents"]["value"])

    def completions(self, behind: str) -> list[str]:
        """Return what is offered right behind the text *behind*."""
        line, column = self._place(behind)
        answer = self._server.ask("textDocument/completion", self._uri, line, column + len(behind))
        return [item["label"] for item in answer["items"]]

    def _place(self, text: str) -> tuple[int, int]:
        before = self._text[: self._text.index(text)]
        return before.count("\n"), len(before.rpartition("\n")[2])
