"""``python -m fuzz.run --minutes 60``: fuzz every boundary in turn, in processes of its own, and say what was found.

With atheris, where it is installed, inputs are guided by coverage, and one that raises, takes longer than ten seconds,
or more than 2 GB, is a finding. Without it they are random changes of seeds, and only one that raises is. Findings are
kept in ``fuzz/found/TARGET``: exit code 1.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz.seeds import SEEDS

FOUND = Path(__file__).parent / "found"
SECONDS, MEMORY = 10, 2048


def guided(name: str, target: Callable[[bytes], None], seconds: int, folder: Path) -> None:
    """Fuzz one target by atheris; it ends the process."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(SEEDS.get(name, [])):
        (corpus / f"seed-{index}").write_bytes(seed)
    limits = [f"-timeout={SECONDS}", f"-rss_limit_mb={MEMORY}", "-max_len=2400", "-print_final_stats=1"]
    atheris.Setup([name, str(corpus), f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", *limits], target)
    atheris.Fuzz()


def blind(name: str, target: Callable[[bytes], None], seconds: int, folder: Path) -> None:
    """Fuzz one target by random changes of seeds."""
    import random

    draw, count, end = random.Random(name), 0, time.monotonic() + seconds
    seeds = SEEDS.get(name, []) or [b""]
    while time.monotonic() < end:
        data = bytearray(draw.choice(seeds) if draw.random() < 0.5 else draw.randbytes(draw.randrange(600)))
        for _ in range(draw.randrange(8)):
            if data:
                data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            target(bytes(data))
        except Exception:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"crash-{hashlib.sha1(data).hexdigest()}").write_bytes(bytes(data))
            raise
        count += 1
    print(f"stat::number_of_executed_units: {count}", file=sys.stderr)


def child(name: str, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process."""
    guide = importlib.util.find_spec("atheris") is not None
    if guide:
        import atheris

        with atheris.instrument_imports(include=["metafed", "simulation", "server", "fuzz"]):
            from fuzz.targets import TARGETS
    else:
        from fuzz.targets import TARGETS
    (guided if guide else blind)(name, TARGETS[name], seconds, folder)


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="in all, shared evenly by the targets")
    parser.add_argument("--targets", help="names, separated by commas; default: all")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=FOUND)
    options = parser.parse_args(argv)
    seconds = int(options.minutes * 60)
    if options.child:
        child(options.child, seconds, options.folder)
        return 0
    from fuzz.targets import TARGETS

    names = options.targets.split(",") if options.targets else list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        parser.error(f"unknown target {unknown[0]!r} (known: {', '.join(TARGETS)})")
    report, total, failed = {}, 0, False
    for name in names:
        folder = options.folder / name
        each = seconds / len(names) / 60
        words = [sys.executable, "-m", "fuzz.run", "--child", name, "--minutes", str(each), "--folder", str(folder)]
        began = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        said = done.stdout + done.stderr
        counted = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said) or re.findall(r"Done (\d+) runs", said)
        inputs = int(counted[-1]) if counted else 0
        kept = sorted(path.name for path in folder.glob("*-*") if path.is_file()) if folder.exists() else []
        report[name] = {"inputs": inputs, "seconds": round(time.monotonic() - began), "found": kept}
        total, bad = total + inputs, bool(done.returncode or kept)
        failed |= bad
        print(
            f"{name:<12} {inputs:>9} inputs in {report[name]['seconds']:>5} s  {'FOUND ' + str(kept) if bad else 'ok'}"
        )
        if bad:
            print(said[-3000:], file=sys.stderr)
    print(f"{total} inputs")
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "report.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
