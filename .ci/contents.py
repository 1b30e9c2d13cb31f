"""Check that an sdist and a wheel hold what they should: `contents.py ROOT SDIST WHEEL`."""

import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

root, sdist, wheel = map(Path, sys.argv[1:])

PACKAGES = ("kling_sdk", "kling_mock")
MODULE = "_kling_mock_pytest.py"
ALSO_IN_SDIST = (
    "pyproject.toml",
    "README.md",
    "README.zh-CN.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    "noxfile.py",
    "zensical.toml",
    "examples/quickstart.py",
    "docs/design.md",
    "tests/conftest.py",
)

code = {MODULE} | {
    str(path.relative_to(root))
    for package in PACKAGES
    for path in (root / package).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
with zipfile.ZipFile(wheel) as archive:
    names = {name for name in archive.namelist() if not name.endswith("/")}
    (metadata,) = (archive.read(name) for name in names if name.endswith(".dist-info/METADATA"))
information = {name for name in names if name.split("/")[0].endswith(".dist-info")}
in_wheel = names - information
assert in_wheel == code, f"wheel and source differ: {sorted(in_wheel ^ code)}"
licences = {"LICENSE"} | {name for name in code if name.endswith("-LICENSE")}
assert len(licences) == 3
for wanted in (
    *("METADATA", "RECORD", "WHEEL", "entry_points.txt"),
    *(f"licenses/{name}" for name in licences),
):
    assert any(name.endswith(f".dist-info/{wanted}") for name in information), wanted

head, _, description = metadata.decode().partition("\n\n")
expression = set(re.findall(r"^License-Expression: (.+)$", head, re.MULTILINE)[0].split(" AND "))
versions = json.loads(
    (root / "kling_mock/dashboard/static/vendor/versions.json").read_text("utf-8")
)
assert expression == {"MIT"} | {file["license"] for file in versions.values()}, expression
assert description.startswith("# kling-sdk\n")
dead = re.findall(r"\]\((?!https?://|#)[^)]*\)", description)
assert not dead, f"links of the description that lead nowhere on a package index: {dead}"
assert "![" not in description

with tarfile.open(sdist) as source:
    in_sdist = {name.partition("/")[2] for name in source.getnames()}
missing = (code | set(ALSO_IN_SDIST)) - in_sdist
assert not missing, f"not in the sdist: {sorted(missing)}"
print(f"wheel: {len(names)} files, {wheel.stat().st_size} bytes; sdist: {len(in_sdist)} files")
