"""Two reports of `distributed_suite.py` side by side, as the tables of docs/PYTORCH.md.

    python python/conformance/compare.py gloo.json sealane.json
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter


def load(path: str) -> dict:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def reason(why: str) -> str:
    """Reasons that mean the same, as one."""
    why = why.strip()
    if why.startswith("https://") or why.startswith("Test is failing"):
        return "disabled upstream"
    return re.sub(r"Test requires backend \w+ to be one of", "Test asks for a backend by name:", why)


def main() -> int:
    one, other = (load(path) for path in sys.argv[1:3])
    print(f"torch {other['torch']}, world size {other['world_size']}\n")
    print("| backend | passed | failed | skipped |\n|---|---|---|---|")
    for report in (one, other):
        counts = Counter(test["outcome"] for test in report["tests"].values())
        print(f"| {report['backend']} | {counts['passed']} | {counts['failed']} | {counts['skipped']} |")
    reasons = [
        Counter(reason(test["why"]) for test in report["tests"].values() if test["outcome"] == "skipped")
        for report in (one, other)
    ]
    print(f"\n| reason for skipping | {one['backend']} | {other['backend']} |\n|---|---|---|")
    for why in sorted(set(reasons[0]) | set(reasons[1]), key=lambda why: (-reasons[1][why], why)):
        print(f"| {why} | {reasons[0][why]} | {reasons[1][why]} |")
    worse = sorted(
        name
        for name, test in other["tests"].items()
        if test["outcome"] == "failed" and one["tests"].get(name, {}).get("outcome") != "failed"
    )
    for name in worse:
        print(f"\nonly {other['backend']} fails {name}: {other['tests'][name]['why']}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
