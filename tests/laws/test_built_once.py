"""A run derives its federation once: θ₀ is drawn once, and every source is made once."""

from metafed.data.source import Source
from metafed.federation import federation as module
from simulation.run import main


def test_theta_is_drawn_once_and_each_source_is_made_once_in_a_local_run(tmp_path, monkeypatch):
    drawn, made, initialize = [], [], module.initialize

    def counted(*arguments):
        drawn.append(arguments)
        return initialize(*arguments)

    def new(kind, *_):
        made.append(kind)
        return object.__new__(kind)

    monkeypatch.setattr(module, "initialize", counted)
    monkeypatch.setattr(Source, "__new__", new)
    words = "--engine local --clients 9 --cohort 5 --rounds 2 --eval-every 1 --width 6 --algorithm ditto --quiet"
    assert main([*words.split(), "--tasks", "personalization,assistant,avatar", "--out", str(tmp_path / "run")]) == 0
    assert len(drawn) == 1
    assert len(made) == len(set(made)) == 3
