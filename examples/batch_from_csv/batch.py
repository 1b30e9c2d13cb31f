"""A video for each row of a CSV file: with a progress bar, a ceiling, and a page of the results.

    python examples/batch_from_csv/batch.py examples/batch_from_csv/prompts.csv
    python examples/batch_from_csv/batch.py prompts.csv --real --max-units 30

Without `--real` it runs against a Kling inside this program; with it, it costs units, takes
minutes, and needs a key. If it is stopped and started again it goes on: a row that was bought is
not bought twice, and a file that is there is not fetched again. A row that was edited is new.

The columns are `name` (also the file's name) and `prompt`; `model_name`, `duration` and
`aspect_ratio` may be there. The files, and `report.html`, go to the folder given by `--out`.
"""

from __future__ import annotations

import argparse
import csv
import html
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kling_mock import KlingMock
from kling_sdk import Kling, KlingError, Outcome, TextToVideo, external_id_for

MODEL = "kling-v2-6"


class Row:
    """A row of the file.

    Attributes:
        name: Its name, which is the file's, too.
        request: The video that it asks for.
    """

    def __init__(self, cells: dict[str, str], job: str) -> None:
        self.name = cells["name"].strip()
        if not re.fullmatch(r"[\w-]{1,80}", self.name):
            raise ValueError(f"name: must be letters, digits, _ and -; got {self.name!r}")
        request = TextToVideo(
            prompt=cells["prompt"],
            model_name=cells.get("model_name") or MODEL,
            duration=cells.get("duration") or None,
            aspect_ratio=cells.get("aspect_ratio") or None,
        )
        # The id changes with the request: the same row is the same task, also tomorrow.
        self.request = attrs.evolve(
            request, external_task_id=external_id_for(request, f"{job}-{self.name}")
        )


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file; the error names the line of one that is wrong.

    Raises:
        ValueError: A column is missing, or a value cannot be sent.
    """
    rows: list[Row] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.DictReader(file), 2):
            try:
                rows.append(Row(cells, path.stem))
            except KeyError as error:
                raise ValueError(f"{path}: there is no column {error}") from error
            except (KlingError, ValueError) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    if len({row.name for row in rows}) < len(rows):
        raise ValueError(f"{path}: two rows have the same name")
    return rows


def run(
    kling: Kling, rows: Sequence[Row], folder: Path, max_units: Decimal | None, console: Console
) -> list[Outcome]:
    """Make the videos and fetch them; return how each row ended, in the order of the rows."""
    outcomes: dict[int, Outcome] = {}
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        line = bar.add_task("videos", total=len(rows))
        requests = (row.request for row in rows)
        for outcome in kling.run_many(requests, max_units=max_units, timeout=7200):
            outcomes[outcome.index] = outcome
            row = rows[outcome.index]
            if outcome.error is None:
                file = folder / f"{row.name}.mp4"
                if not file.exists():
                    kling.download(outcome.result().videos[0], file)
            else:
                bar.console.print(f"{row.name}: {outcome.error}", markup=False, soft_wrap=True)
            bar.advance(line)
    return [outcomes[index] for index in range(len(rows))]


def report(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> str:
    """Return the page with all videos, and the reason of each that is missing."""
    units = sum(outcome.task.units or 0 for outcome in outcomes if outcome.task is not None)
    parts: list[str] = []
    for row, outcome in zip(rows, outcomes, strict=True):
        shown = (
            f'<video controls loop muted src="{row.name}.mp4"></video>'
            if outcome.error is None
            else f'<p class="error">{html.escape(str(outcome.error))}</p>'
        )
        prompt = html.escape(row.request.prompt or "")
        parts.append(f"<article><h2>{row.name}</h2><p>{prompt}</p>{shown}</article>")
    made = sum(outcome.error is None for outcome in outcomes)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{made} of {len(rows)} videos</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 1rem system-ui; margin: 2rem; color-scheme: light dark }}
main {{ display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)) }}
video {{ width: 100% }}
.error {{ color: light-dark(#a00, #f99) }}
</style>
<h1>{made} of {len(rows)} videos, {units:f} units</h1>
<main>
{"".join(parts)}
</main>
</html>
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example; return 0 when every video is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, help="the CSV file")
    parser.add_argument("--out", type=Path, default=Path("videos"), help="folder for the files")
    parser.add_argument("--max-units", type=Decimal, help="buy nothing beyond this")
    parser.add_argument("--real", action="store_true", help="call the real service (costs units)")
    given = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        rows = read_rows(given.file)
        given.out.mkdir(parents=True, exist_ok=True)
        if given.real:
            with Kling() as kling:
                outcomes = run(kling, rows, given.out, given.max_units, console)
        else:
            with KlingMock() as mock, mock.client() as kling:
                outcomes = run(kling, rows, given.out, given.max_units, console)
    except (KlingError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    page = given.out / "report.html"
    page.write_text(report(rows, outcomes), encoding="utf-8")
    made = sum(outcome.error is None for outcome in outcomes)
    print(f"{made} of {len(rows)} videos: {page}")
    return 0 if made == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
