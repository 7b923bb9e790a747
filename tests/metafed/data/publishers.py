"""Small files in the publishers' own forms, made of random numbers: what the readers are tested on everywhere."""

import csv
import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from metafed.data.sets.movielens100k.maker import OCCUPATIONS
from metafed.data.sets.watch_gestures import maker as watch_gestures
from tests.metafed.data.sets.test_makers import BODY, VR

SIDE = np.random.default_rng


def movielens100k(folder: Path) -> None:
    """Twenty-four people, two of whom rate too few of 80 films, in GroupLens's form."""
    rng = SIDE(1)
    flags = ["|".join(map(str, (rng.random(19) < 0.2).astype(int))) for _ in range(80)]
    items = [
        f"{film}|Film {film} (1995)|01-Jan-{1930 + film % 70}||http://x|{flags[film - 1]}" for film in range(1, 81)
    ]
    people = [f"{who}|{20 + who}|{'MF'[who % 2]}|{OCCUPATIONS[who % 21]}|1234" for who in range(1, 25)]
    rated = [
        f"{who}\t{film}\t{rng.integers(1, 6)}\t881250949"
        for who in range(1, 25)
        for film in rng.permutation(80)[: 10 if who < 3 else 20 + 2 * who] + 1
    ]
    for name, lines in (("u.item", items), ("u.user", people), ("u.data", rng.permutation(rated))):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="latin-1")


def utterances(intent: str, count: int, rng: np.random.Generator) -> list[str]:
    """Return different texts; some words are the intent's own."""
    words = [f"{intent}{number}" for number in range(9)] + [f"word{number}" for number in range(60)]
    return [f"{' '.join(rng.choice(words, 6))} no {intent} {number}" for number in range(count)]


def clinc150(folder: Path) -> None:
    """Four domains of five intents, 100 texts to train with, 20 and 30 others; five texts are in two splits."""
    rng, splits = SIDE(2), {"train": [], "val": [], "test": [], "oos_train": [], "oos_val": [], "oos_test": []}
    domains = {f"domain{d}": [f"intent{d}{i}" for i in range(5)] for d in range(4)}
    for intent in (intent for own in domains.values() for intent in own):
        texts = utterances(intent, 150, rng)
        for split, part in (("train", texts[:100]), ("val", texts[100:120]), ("test", texts[120:])):
            splits[split] += [[text, intent] for text in part]
    splits["test"] += splits["train"][:5]
    splits["oos_val"].append(["what else is there", "oos"])
    (folder / "data_full.json").write_text(json.dumps(splits))
    (folder / "domains.json").write_text(json.dumps(domains))


def banking77(folder: Path) -> None:
    """Twelve intents, of whose names most tell a topic."""
    rng = SIDE(3)
    intents = [
        f"{topic}_{number}" for topic in ("card_lost", "transfer_failed", "top_up", "rate") for number in range(3)
    ]
    for name, count in (("train", 100), ("test", 50)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows([f"{name} {text}", i] for i in intents for text in utterances(i, count, rng))


def crypto_prices(folder: Path) -> None:
    """Seventeen assets on random walks, one of which comes too late, some with a day that is missing."""
    for number in range(17):
        rng, days = SIDE(10 + number), 250 + 20 * number
        first = date(2021, 6, 1) - timedelta(days) if number else date(2021, 3, 1)
        rows, price = [], 100.0
        for day in range(92 if not number else days):
            opened, price = price, price * np.exp(rng.normal(0, 0.02 * (1 + number % 4)))
            high, low = max(opened, price) * 1.01, min(opened, price) * 0.99
            if day != 30 or number % 2:
                when = f"{first + timedelta(day)} 23:59:59"
                rows.append([len(rows) + 1, f"Coin {number}", f"C{number}", when, high, low, opened, price, 1e6, 1e9])
        with (folder / f"coin_C{number}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["SNo", "Name", "Symbol", "Date", "High", "Low", "Open", "Close", "Volume", "Marketcap"])
            writer.writerows(rows)


def facebook_ego(folder: Path) -> None:
    """Nine egos, the first of whom has too few circles; a friend's circle shows in its profile and its edges."""
    names = "".join(f"{n} category{n % 27};anonymized feature {n}\n" for n in range(54))
    for ego in range(9):
        rng, friends = SIDE(20 + ego), np.arange(40 + 20 * ego)
        circle = rng.integers(0, 2 if ego == 0 else 5, len(friends))
        own = 1000 * ego + 1 + friends
        flags = rng.random((len(friends), 54)) < np.where(np.arange(54) % 5 == circle[:, None], 0.5, 0.1)
        near = [
            (u, v) for u in friends for v in friends[:u] if rng.random() < (0.4 if circle[u] == circle[v] else 0.05)
        ]
        texts = {
            "featnames": names,
            "egofeat": " ".join(map(str, (rng.random(54) < 0.3).astype(int))) + "\n",
            "feat": "".join(f"{n} {' '.join(map(str, row.astype(int)))}\n" for n, row in zip(own, flags, strict=True)),
            "edges": "".join(f"{own[u]} {own[v]}\n{own[v]} {own[u]}\n" for u, v in near),
            "circles": "".join(f"circle{c}\t" + "\t".join(map(str, own[circle == c])) + "\n" for c in range(4)),
        }
        for kind, text in texts.items():
            (folder / f"{1000 * ego + 999}.{kind}").write_text(text)


def vr_head_sit(folder: Path) -> None:
    """Nine people who turn their heads while they watch five videos twice; one of them once only."""
    for user in range(1, 10):
        rng = SIDE(30 + user)
        for kind in ("has_subtitle", "no_subtitle"):
            for video in range(1, 6 if user > 1 else 2):
                place = folder / kind / f"video_{video:02}_user_{user:02}"
                place.mkdir(parents=True)
                walk = 0.05 * user * rng.standard_normal((20 + 4 * user, 5)).cumsum(0)
                rows = [
                    f"{9 + t / 2},{t / 2},{t / 2},{','.join(map(repr, row.tolist()))}\n" for t, row in enumerate(walk)
                ]
                (place / "processed_data.csv").write_text(VR + "".join(rows))


def bandai_motion(folder: Path) -> None:
    """Seven styles of three contents, five takes each; the hands say something of the rest of the body."""
    joints = "".join(f"JOINT {j}\n{{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n}}\n" for j in BODY)
    head = "HIERARCHY\nROOT joint_Root\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n"
    stand = SIDE(40).normal(0, 30, (len(BODY), 3)) + np.array([0, 100, 0])
    stand[BODY.index("UpperArm_L")], stand[BODY.index("UpperArm_R")] = (20, 140, 0), (-20, 140, 0)
    for number, style in enumerate(("active", "bored", "calm", "daring", "elderly", "fresh", "glad")):
        for kind, content in enumerate(("bow", "run", "walk")):
            for take in range(1, 6):
                rng, frames = SIDE([number, kind, take]), 16 + 8 * number
                waves = np.sin(
                    np.arange(frames)[:, None, None] * rng.uniform(0.1, 0.3) + rng.uniform(0, 6, (1, len(BODY), 3))
                )
                where = stand + 15 * waves
                rows = "".join("0 0 0 " + " ".join(f"{value:.3f}" for value in frame.ravel()) + "\n" for frame in where)
                text = f"{head}{joints}}}\nMOTION\nFrames:\t{frames}\nFrame Time:\t0.0333333\n{rows}"
                (folder / f"dataset-1_{content}_{style}_{take:03}.bvh").write_text(text)


def omniglot_file(target: Path) -> None:
    """Write the prepared file itself: 160 characters, 80 of them of the background, of two random strokes each."""
    rng, count, drawn = SIDE(60), 160, 20
    images = np.zeros((count * drawn, 28, 28), np.uint8)
    for place, image in enumerate(images):
        own = SIDE([61, place // drawn])
        for row, column in own.integers(2, 18, (4, 2)) + rng.integers(-1, 2, (4, 2)):
            image[row : row + 2, column : column + 8] = 255
        image[rng.integers(28), rng.integers(28)] = 64
    alphabet = np.repeat(np.arange(count) // 20, drawn).astype(np.uint8)
    drawers = np.tile(np.arange(drawn), count)
    np.savez(
        target,
        images=images,
        alphabet=alphabet,
        character=np.repeat(np.arange(count), drawn).astype(np.uint16),
        character_in_alphabet=np.repeat(np.arange(count) % 20, drawn).astype(np.uint8),
        drawer_in_alphabet=drawers.astype(np.uint8),
        drawer=(alphabet.astype(np.uint16) * drawn + drawers).astype(np.uint16),
        split=np.repeat(np.arange(count) >= 80, drawn).astype(np.uint8),
        alphabet_names=np.array([f"Alphabet {number}" for number in range(8)]),
        character_alphabet=alphabet[::drawn],
    )


def watch_gestures_file(target: Path) -> None:
    """Write the prepared file itself: of the publisher's one file no other content is ever opened."""
    rng, table = SIDE(50), {"X": [], "y": [], "subject": [], "side": []}
    for person in range(6):
        for side in (0, 1):
            for exercise in range(7):
                length = 100 * (9 + 2 * person + exercise % 3)
                pace = np.sin(np.arange(length) * 0.02 * (1 + exercise))[:, None]
                table["X"].append(pace * np.arange(1, 7) + rng.normal(0, 0.3, (length, 6)))
                for key, value in (("y", exercise), ("subject", 10 * person), ("side", side)):
                    table[key].append(value)
    names = {"y_labels": [f"E{n}" for n in range(7)], "X_labels": ["ax", "ay", "az", "gx", "gy", "gz"]}
    np.savez(target, **watch_gestures._quantize({**table, **names}))


PUBLISHED = (movielens100k, clinc150, banking77, crypto_prices, facebook_ego, vr_head_sit, bandai_motion)


def prepared(folder: Path, sources: Path) -> None:
    """Write all files of publishers below ``sources``, and prepare them by the literal command for ``folder``."""
    from simulation.data.command import main

    for publish in PUBLISHED:
        own = sources / publish.__name__
        own.mkdir()
        publish(own)
        assert main(["prepare", publish.__name__, "--from", str(own), "--data-dir", str(folder)]) == 0
    for name in ("watch_gestures", "omniglot"):
        (folder / name).mkdir()
    omniglot_file(folder / "omniglot" / "omniglot28.npz")
    watch_gestures_file(folder / "watch_gestures" / "watch_gestures.npz")
