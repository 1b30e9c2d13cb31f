"""First steps with an installed wheel, its extras `mock` and `cli`; run outside of the repository.

It runs as `python -OO` does, by PYTHONOPTIMIZE=2, which removes assertions: no check is one.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import kling_mock
import kling_sdk


def check(is_right: bool, what: object) -> None:  # noqa: FBT001 - reads like an assertion
    """End the program, if it is not right."""
    if not is_right:
        sys.exit(f"the smoke test fails: {what}")


def run(name: str, *arguments: str) -> str:
    """Return what an installed command prints."""
    command = [str(Path(sys.argv[1]).with_name(name)), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


check(sys.flags.optimize == 2, "PYTHONOPTIMIZE is not 2")
for package in (kling_sdk, kling_mock):
    check("site-packages" in str(package.__file__), package.__file__)
    check((Path(str(package.__file__)).parent / "py.typed").exists(), package.__file__)

with (
    tempfile.TemporaryDirectory() as folder,
    kling_mock.KlingMock() as mock,
    mock.client() as kling,
):
    task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
    file = kling.download(task.videos[0], folder)
    check(file.path.read_bytes()[4:8] == b"ftyp", file)

with subprocess.Popen(
    [sys.argv[1], "serve", "--port", "0", "--kling-port", "0"], stdout=subprocess.PIPE, text=True
) as server:
    ready = json.loads(server.stdout.readline() if server.stdout else "")
    for name in ("access_key", "secret_key"):
        os.environ[f"KLING_{name.upper()}"] = ready[name]
    os.environ["KLING_BASE_URL"] = ready["kling_url"]
    os.environ["KLING_MOCK_ADMIN_TOKEN"] = ready["admin_token"]
    created = json.loads(run("kling", "--json", "create", "text2video", "--prompt", "a kitten"))
    run("kling-mock", "complete", created["task_id"], "--server", ready["kling_url"])
    with kling_sdk.Kling() as kling:
        check(kling.text2video.get(created["task_id"]).is_succeed, created)
    with urllib.request.urlopen(ready["dashboard_url"]) as page:  # noqa: S310 - our own
        check(b"kling-mock" in page.read(), ready["dashboard_url"])
    server.send_signal(signal.SIGTERM)
    check(server.wait(10) == 0, "kling-mock serve has not ended well")
print("smoke test passed")
