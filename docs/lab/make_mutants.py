"""Make docs/lab/mutants.md: which verdicts change when batch norm is broken on purpose.

Run:  python docs/lab/make_mutants.py    (two minutes)
"""

from __future__ import annotations

from pathlib import Path

from minigrad.lab.mutants import verdicts

NAMES = (
    "scale_invariance", "folding", "identity", "small_batches", "naive_normalization", "unbiased_variance",
    "grad_flow", "forward_flow", "spectrum", "normality", "dead_bias", "memorize", "keras_example", "bn_noise",
)  # fmt: skip

HEAD = """# Mutants of the lab

Batch norm is broken on purpose, and experiments run again: a verdict that nothing can change says nothing. What changes is bold.
Made by `python docs/lab/make_mutants.py`, with the default seeds.

"""

if __name__ == "__main__":
    found = verdicts(NAMES)
    right = found.pop("right")
    lines = [f"| experiment | right | {' | '.join(found)} |", "|---" * (len(found) + 2) + "|"]
    for name in NAMES:
        cells = [f"**{verdict[name]}**" if verdict[name] != right[name] else verdict[name] for verdict in found.values()]
        lines.append(f"| [{name}]({name}.md) | {right[name]} | {' | '.join(cells)} |")
    Path(__file__).with_name("mutants.md").write_text(HEAD + "\n".join(lines) + "\n")
