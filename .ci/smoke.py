"""First steps with an installed wheel; run outside of the repository."""

import json
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import kling_mock
import kling_sdk

for package in (kling_sdk, kling_mock):
    assert "site-packages" in str(package.__file__), package.__file__
    assert (Path(str(package.__file__)).parent / "py.typed").exists()

with (
    tempfile.TemporaryDirectory() as folder,
    kling_mock.KlingMock() as mock,
    mock.client() as kling,
):
    task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
    print(kling.download(task.videos[0], folder))

with subprocess.Popen(
    [sys.argv[1], "serve", "--port", "0", "--kling-port", "0"], stdout=subprocess.PIPE, text=True
) as server:
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    keys = {name: ready[name] for name in ("access_key", "secret_key")}
    with kling_sdk.Kling(**keys, base_url=ready["kling_url"]) as kling:
        print(kling.text2video.create(prompt="a kitten on the grass"))
    with urllib.request.urlopen(ready["dashboard_url"]) as page:  # noqa: S310 - our own
        assert b"kling-mock" in page.read()
    server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
print("smoke test passed")
