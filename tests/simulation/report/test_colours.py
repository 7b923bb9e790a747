"""Colours can be read by everybody: contrast as WCAG 2.2 defines it, for the words in figures that axe cannot judge."""

import re
from pathlib import Path

import numpy as np
import pytest

from simulation.report.drawing.plot import NIGHT, PAPER
from simulation.report.figures.heat import STRONGEST

STYLE = (Path(__file__).parents[3] / "simulation" / "report" / "templates" / "_style.css").read_text()
SHEETS = dict(zip(("light", "dark"), re.findall(r"--paper: (#[0-9a-f]{6})", STYLE)[:2], strict=True))
SIDES = {"light": PAPER, "dark": NIGHT}

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def rgb(colour):
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255


def linear(values):
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    low, high = sorted(float(linear(values) @ [0.2126, 0.7152, 0.0722]) for values in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(values):
    """Return CIE Lab of linear RGB under D65."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    ratio = np.asarray(matrix) @ np.clip(values, 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_is_that_of_wcag():
    assert contrast(rgb("#000000"), rgb("#ffffff")) == pytest.approx(21)
    assert contrast(rgb("#767676"), rgb("#ffffff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", SIDES)
def test_all_words_in_figures_have_contrast_aa(scheme):
    paper = rgb(SHEETS[scheme])
    for role, colour in SIDES[scheme].items():
        assert contrast(rgb(colour), paper) >= 4.5, role


@pytest.mark.parametrize("scheme", SIDES)
@pytest.mark.parametrize("role", ["before", "after"])
def test_ink_can_be_read_on_the_strongest_cell_of_a_heat_map(scheme, role):
    side = SIDES[scheme]
    cell = STRONGEST * rgb(side[role]) + (1 - STRONGEST) * rgb(SHEETS[scheme])
    assert contrast(rgb(side["ink"]), cell) >= 4.5


@pytest.mark.parametrize("scheme", SIDES)
@pytest.mark.parametrize("kind", BLIND)
def test_before_and_after_differ_to_the_colour_blind(scheme, kind):
    before, after = (lab(np.asarray(BLIND[kind]) @ linear(rgb(SIDES[scheme][role]))) for role in ("before", "after"))
    assert np.linalg.norm(before - after) > 40


def test_on_paper_before_and_after_differ_in_grey():
    assert contrast(rgb(PAPER["before"]), rgb(PAPER["after"])) > 1.3
