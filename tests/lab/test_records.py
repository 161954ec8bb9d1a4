"""The committed records are of the experiments as they are now, and their verdicts follow from their figures."""

import json
from pathlib import Path

import pytest

from minigrad.lab import NAMES, judge, load
from minigrad.lab.pages import write_pages
from minigrad.lab.record import Record, encoded
from minigrad.lab.runner import FULL

PAGES = Path(__file__).parents[2] / "docs" / "lab"
RESULTS = PAGES / "results"


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_of_this_experiment_and_its_verdict_follows(name):
    experiment, record = load(name), Record.read(RESULTS / f"{name}.json")
    assert record.rule == experiment.rule_in_words(), f"run it again: minigrad lab run {name}, then python docs/lab/make.py"
    assert json.loads(json.dumps(encoded(record.settings))) == json.loads(json.dumps(encoded(dict(experiment.settings))))
    assert record.seeds in ([list(experiment.seeds)], [list(block) for block in FULL])
    assert (record.claim, record.data) == (experiment.claim, experiment.data)
    assert (record.true, record.overstated) == (experiment.true, experiment.overstated)
    verdict = judge(experiment, record.quantities)
    assert (record.verdict, record.provisional) == (verdict.word, verdict.provisional)
    assert record.exact <= (verdict.word == "reproduced")
    assert (RESULTS / f"{name}.svg").read_text() == record.svg()


def test_the_pages_are_made_of_the_records(tmp_path):
    (tmp_path / "results").symlink_to(RESULTS)
    for path in write_pages(tmp_path / "results", tmp_path):
        assert path.read_text() == (PAGES / path.name).read_text(), "run python docs/lab/make.py"
