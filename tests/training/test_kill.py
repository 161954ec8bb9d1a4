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


def start(folder, *settings):
    """Start the run, or continue it if it was started."""
    command = ["--resume", str(folder)] if (folder / "config.json").exists() else [*SETTINGS, *settings, "--out", str(folder)]
    return subprocess.Popen([*TRAIN, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    """Wait for the end of a run, which must be a good one."""
    output, _ = process.communicate()
    assert process.returncode == 0, output


def version(path):
    """Something that changes when a file is written anew."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.exists() else None


def kill_after(process, seconds, checkpoint=None):
    """Kill a run after a time, counted from its next checkpoint if one is given. Returns whether it was still running."""
    before = version(checkpoint) if checkpoint else None
    while checkpoint and process.poll() is None and version(checkpoint) == before:
        time.sleep(0.001)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    finish(process)
    return False


def survive(tmp_path, kills, seed, *settings):
    """Kill runs until that many kills are done; compare every run that ended with one that was left alone.

    Three of four kills come while the model trains and writes checkpoints, the others at any moment from the start on.
    """
    rng = random.Random(seed)
    whole, begin = tmp_path / "whole", time.monotonic()
    finish(start(whole, *settings))
    usual = time.monotonic() - begin
    expected = [(whole / name).read_bytes() for name in COMPARED]
    done = runs = 0
    while done < kills:
        folder, runs = tmp_path / f"run{runs}", runs + 1
        while done < kills:
            process = start(folder, *settings)
            training = rng.random() < 0.75
            if not kill_after(process, rng.uniform(0, 0.2 if training else 0.7) * usual, folder / "last.ckpt" if training else None):
                break
            done += 1
        finish(start(folder, *settings))
        for name, content in zip(COMPARED, expected, strict=True):
            assert (folder / name).read_bytes() == content, (folder, name)
        assert not [p.name for p in folder.iterdir() if p.suffix == ".tmp"]
    return runs


def test_ctrl_c_says_how_to_continue(tmp_path):
    settings = ["--batch-size", "200"]
    finish(start(tmp_path / "whole", *settings))
    folder = tmp_path / "run"
    process = start(folder, *settings)
    while not (folder / "last.ckpt").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert f"--resume {folder}" in output.replace("\n", "")
    assert "Traceback" not in output
    finish(start(folder))
    assert (folder / "last.ckpt").read_bytes() == (tmp_path / "whole" / "last.ckpt").read_bytes()


def test_a_few_kills(tmp_path):
    survive(tmp_path, 2, 1, "--batch-size", "200")


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    print(f"200 kills in {survive(tmp_path, 200, 2)} runs: each ended in the same bytes as the run that was left alone")
