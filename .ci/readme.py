"""Run README's examples as they are printed: `readme.py README.md PATH/TO/kling-mock`.

The first one calls whatever the environment names: here a `kling-mock serve` whose clock is fast.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

page, command = Path(sys.argv[1]).read_text("utf-8"), sys.argv[2]
examples = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", page, re.DOTALL))

with (
    tempfile.TemporaryDirectory() as folder,
    subprocess.Popen(
        [command, "serve", "--port", "0", "--kling-port", "0", "--speed", "1000"],
        stdout=subprocess.PIPE,
        text=True,
    ) as server,
):
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    keys = {
        "KLING_ACCESS_KEY": ready["access_key"],
        "KLING_SECRET_KEY": ready["secret_key"],
        "KLING_BASE_URL": ready["kling_url"],
    }
    subprocess.run(
        [sys.executable, "-c", examples["sdk"]], cwd=folder, env=os.environ | keys, check=True
    )
    assert Path(folder, "kitten.mp4").read_bytes()[4:8] == b"ftyp"
    server.send_signal(signal.SIGTERM)
    assert server.wait(10) == 0
    Path(folder, "test_kitten.py").write_text(examples["test"], "utf-8")
    subprocess.run([sys.executable, "-m", "pytest", "-q", folder], cwd=folder, check=True)
print("README's examples passed")
