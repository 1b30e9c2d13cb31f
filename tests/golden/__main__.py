"""The command: `python -m tests.golden FOLDER`."""

from __future__ import annotations

import argparse
import contextlib
import json
import operator
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kling_sdk
from kling_mock import KlingMock
from kling_mock.kling.journal.entries import Entry
from kling_sdk.endpoints import request_class
from tests.endpoints import with_sources
from tests.golden.requests import GeneratedRequest, generate

ROOT: Final = Path(__file__).parents[2]
SEED: Final = 20261201
COUNT: Final = 4000
START: Final = 1_790_000_000.0
GENERATED_ID: Final = re.compile("sdk-[0-9a-f]{32}")
DOCUMENTS: Final = (
    "docs/openapi.json",
    "docs/relay-openapi.json",
    "docs/coverage.json",
    "docs/coverage.md",
    "docs/fidelity.md",
    "docs/public-surface.txt",
    "kling_sdk/client/signatures.pyi",
)
COMMANDS: Final = (("kling",), ("kling-mock",))


def main() -> None:
    """Write the files into a folder, which must be new or empty."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=COUNT, help="requests (4000)")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "requests.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in recorded(options.count))
    documents = folder / "documents"
    documents.mkdir(exist_ok=True)
    for name in DOCUMENTS:
        shutil.copyfile(ROOT / name, documents / Path(name).name)
    texts = folder / "help"
    texts.mkdir(exist_ok=True)
    for command in COMMANDS:
        for words, text in _helps(command):
            (texts / f"{'-'.join(words)}.txt").write_text(text, encoding="utf-8")


def recorded(count: int) -> Iterator[str]:
    """Yield, as JSON, what the client and the emulator say of each request."""
    with KlingMock(seed=SEED, start=START, relay=False, strict=False) as mock:
        for number, request in enumerate(generate(SEED, count)):
            # The same ids and the same instant for every request, whatever came before.
            mock.reset()
            ready = request._replace(fields=with_sources(mock, request.fields))
            before = len(mock.journal)
            row: dict[str, Any] = {"number": number, "endpoint": request.endpoint}
            row |= {"fields": request.fields, "client": _client(mock, ready)}
            if len(mock.journal) == before:  # the client has refused it
                _unchecked(mock, ready)
            row["exchanges"] = [_exchange(entry) for entry in [*mock.journal][before:]]
            text = json.dumps(row, ensure_ascii=False, sort_keys=True)
            # Its port is another each time, and so are the ids that the client makes.
            yield GENERATED_ID.sub("sdk-0", text.replace(mock.kling_url, "http://kling"))


def _client(mock: KlingMock, request: GeneratedRequest) -> dict[str, Any]:
    """Return what the client says of a request, and what the emulator answers to it."""
    verdict: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught, mock.client(retries=0) as kling:
        warnings.simplefilter("always")
        try:
            verdict["estimate"] = str(kling.estimate(_prepared(request)))
            _send(mock, kling, request)
        except (kling_sdk.KlingError, TypeError) as error:
            verdict["error"] = f"{type(error).__name__}: {error}"
    return verdict | {"warnings": [str(warning.message) for warning in caught]}


def _unchecked(mock: KlingMock, request: GeneratedRequest) -> None:
    """Send a request unchecked."""
    with (
        warnings.catch_warnings(action="ignore"),
        mock.client(retries=0) as kling,
        contextlib.suppress(kling_sdk.KlingError, TypeError),
    ):
        _send(mock, kling, request, check=False)


def _prepared(request: GeneratedRequest, **settings: Any) -> Any:
    return request_class(request.endpoint)(**request.fields, **settings)


def _send(
    mock: KlingMock, kling: kling_sdk.Kling, request: GeneratedRequest, **settings: Any
) -> None:
    """Send a request; if it makes a task, continue to its end."""
    record = kling_sdk.ENDPOINTS[request.endpoint]
    if record.returns is not None:
        call = operator.attrgetter(record.attribute)(kling)
        method = call if record.method_of else getattr(call, record.sending_method)
        method(**request.fields, **settings)
        return
    task = kling.submit(_prepared(request, **settings))
    mock.complete(task)
    kling.tasks.get(task.task_id)


def _exchange(entry: Entry) -> list[str | int | None]:
    sent, answered = entry.request.decode(), entry.response.decode()
    return [entry.method, entry.path, sent, entry.status, answered]


def _helps(command: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the help of a command and of every command below it."""
    program = Path(sys.executable).with_name(command[0])
    arguments = [str(program), *command[1:], "--help"]
    text = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    yield command, text
    for line in text.splitlines():
        words = line.split()
        if line.startswith("    ") and line[4:5].isalpha() and words:
            yield from _helps((*command, words[0]))


if __name__ == "__main__":
    main()
