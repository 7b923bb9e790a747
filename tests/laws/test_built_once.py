"""A run derives its federation once: θ₀ is drawn once, and every source is made once."""

from functools import cached_property

from metafed.federation import federation as module
from metafed.federation import networks
from simulation.run import main


def test_theta_is_drawn_once_and_each_source_is_made_once_in_a_local_run(tmp_path, monkeypatch):
    drawn, made = [], []
    initialize, sources = networks.initialize, module.Federation.__dict__["sources"].func

    def counted(*arguments):
        drawn.append(arguments)
        return initialize(*arguments)

    def noted(federation):
        found = sources(federation)
        made.extend(found)
        return found

    counting = cached_property(noted)
    counting.__set_name__(module.Federation, "sources")
    monkeypatch.setattr(networks, "initialize", counted)
    monkeypatch.setattr(module.Federation, "sources", counting)
    words = "--engine local --clients 9 --cohort 5 --rounds 2 --eval-every 1 --width 6 --algorithm ditto --no-report"
    assert main([*words.split(), "--tasks", "personalization,assistant,avatar", "--out", str(tmp_path / "run")]) == 0
    assert len(drawn) == 1
    assert len(made) == 3
