"""Attacks by name and strength; what is none is refused before anything is trained."""

import pytest

from benchmarks import robustness


def test_an_attack_has_its_own_strength_or_the_one_asked_for():
    assert robustness.fault("sign-flip") == {"kind": "sign-flip", "strength": 5.0}
    assert robustness.fault("sign-flip:2") == {"kind": "sign-flip", "strength": 2.0}
    assert robustness.fault("alie") == {"kind": "alie"}


@pytest.mark.parametrize(
    ("attack", "said"),
    [("lie", "unknown attack 'lie'"), ("alie:2", "unknown attack 'alie:2'"), ("sign-flip:x", "'x' is no number")],
)
def test_other_attacks_are_refused(attack, said, capsys):
    with pytest.raises(SystemExit) as left:
        robustness.main(["--attacks", attack])
    assert left.value.code == 2
    assert said in capsys.readouterr().err
