"""kill -9 at random moments of a run that writes checkpoints: every resume succeeds and ends in the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX's")
TRAIN = [sys.executable, "-m", "minigrad", "train"]
SETTINGS = ["digits", "--model", "mlp", "--epochs", "3", "--checkpoint-every", "1", "--augment", "--validation", "0.1", "--device", "cpu"]
COMPARED = ("weights.safetensors", "metrics.jsonl", "config.json", "last.ckpt", "best.ckpt")


def run_until(folder, seconds, *settings):
    """Start or continue the run; kill it after so many seconds. Returns whether it came to its end before."""
    started = (folder / "config.json").exists()
    command = [*TRAIN, "--resume", str(folder)] if started else [*TRAIN, *SETTINGS, *settings, "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return False
    assert process.returncode == 0, output
    return True


def survive(tmp_path, kills, seed, *settings):
    """Kill runs until that many kills are done; compare every run that ended with one that was left alone."""
    rng = random.Random(seed)
    whole = tmp_path / "whole"
    start = time.monotonic()
    assert run_until(whole, None, *settings)
    usual = time.monotonic() - start
    expected = [(whole / name).read_bytes() for name in COMPARED]
    done = runs = 0
    while done < kills:
        folder, runs = tmp_path / f"run{runs}", runs + 1
        while not run_until(folder, rng.uniform(0.3, 1.0) * usual if done < kills else None, *settings):
            done += 1
        for name, content in zip(COMPARED, expected, strict=True):
            assert (folder / name).read_bytes() == content, (folder, name)
        assert not [p.name for p in folder.iterdir() if p.suffix == ".tmp"]
    return runs


def test_ctrl_c_says_how_to_continue(tmp_path):
    settings = ["--batch-size", "200"]
    assert run_until(tmp_path / "whole", None, *settings)
    folder = tmp_path / "run"
    command = [*TRAIN, *SETTINGS, *settings, "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not (folder / "last.ckpt").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert f"--resume {folder}" in output.replace("\n", "")
    assert "Traceback" not in output
    assert run_until(folder, None)
    assert (folder / "last.ckpt").read_bytes() == (tmp_path / "whole" / "last.ckpt").read_bytes()


def test_a_few_kills(tmp_path):
    survive(tmp_path, 2, 1, "--batch-size", "200")


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    print(f"200 kills in {survive(tmp_path, 200, 2)} runs: each ended in the same bytes as the run that was left alone")
