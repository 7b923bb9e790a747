"""The files that experiments name: tables of one's own, devices and faults."""

from pathlib import Path

import numpy as np

GAMES = """data = "games.csv"
client = "person"
target = "stars"
features = ["age", "minutes", "genre"]
group = "headset"
"""
STATED = """data = "games.csv"
client = "person"
target = "stars"
group = "headset"
classes = [1, 2, 3]
[features]
age = [40, 15]
minutes = [20, 20]
genre = ["music", "puzzle", "travel"]
"""
HOURS = """data = "games.csv"
client = "person"
target = "minutes"
kind = "regression"
features = ["age", "genre"]
"""
DEVICES = """every = 60.0
time-zones = [0, 6]
[tiers.headset]
share = 0.5
flops = 2e6
memory = 1e9
down = 3e6
up = 1e6
latency = 0.05
online = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9,
          0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
dropout = 0.2
watts = 6.0
joules-per-byte = 2e-7
spread = 0.5
[tiers.tower]
share = 0.5
flops = 2e8
memory = 8e9
down = 1e7
up = 1e7
latency = 0.01
online = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
dropout = 0.0
watts = 100.0
joules-per-byte = 0
spread = 0
"""


def write(folder: Path) -> None:
    """Write all files to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    lines = ["person,age,minutes,genre,headset,stars"]
    for person in range(14):
        age, taste = int(rng.integers(14, 70)), rng.normal(0, 1.0, 3)
        for _ in range(int(rng.integers(14, 30))):
            genre, minutes = int(rng.integers(3)), round(float(rng.exponential(20)), 3)
            stars = int(np.clip(round(2 + taste[genre] + rng.normal()), 1, 3))
            name = ("music", "puzzle", "travel")[genre]
            lines.append(f"p{person:02d},{age},{minutes},{name},{('tethered', 'alone')[person % 2]},{stars}")
    (folder / "games.csv").write_text("\n".join(lines) + "\n")
    for name, text in (("games", GAMES), ("stated", STATED), ("hours", HOURS)):
        (folder / f"{name}.toml").write_text(text)
    (folder / "devices.toml").write_text(DEVICES)


def fault(folder: Path, kind: str) -> Path:
    """Write a file in which a third of the clients have a fault of one kind."""
    path = folder / f"{kind}.toml"
    more = "strength = 1.0\n" if kind == "stale" else "rate = 0.7\n"
    path.write_text(f'[[fault]]\nkind = "{kind}"\nshare = 0.34\n{more}')
    return path
