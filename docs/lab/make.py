"""Make the pages of the lab from the records in docs/lab/results.

Run:  python docs/lab/make.py [FOLDER]

With the folder of a run (minigrad lab run all --out FOLDER) its records and pictures are taken over first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from minigrad.lab.pages import write_pages
from minigrad.lab.record import Record

HERE = Path(__file__).parent
RESULTS = HERE / "results"

if __name__ == "__main__":
    RESULTS.mkdir(exist_ok=True)
    for path in sorted(Path(sys.argv[1]).glob("*.json")) if len(sys.argv) > 1 else []:
        record = Record.read(path)
        (RESULTS / path.name).write_text(record.to_json())
        (RESULTS / f"{record.name}.svg").write_text(record.svg())
    print(f"{len(write_pages(RESULTS, HERE))} pages in {HERE}")
