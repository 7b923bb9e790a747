"""Steps of new clients: each method after few steps and after its own, beside what clients reach alone."""

import pytest

from benchmarks.joining import FEW, MANY, Arguments, main


@pytest.mark.slow
def test_each_method_is_read_after_few_steps_and_after_its_own(capsys):
    assert main(Arguments(clients=12, rounds=1, few=1, many=3, width=4, format="markdown")) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    found = {row[0].removeprefix("| "): row[1:] for row in rows}
    assert set(found) == {*FEW, *MANY}
    for name, (few, many, own, steps, *_) in found.items():
        assert (own, steps) == ((few, "1") if name in FEW else (many, "3"))
    # the reference itself is not worse off than it is
    assert found["local"][-1].startswith("0.00")
