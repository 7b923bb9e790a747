"""A Parquet file that would end its reader ends another process, and is damage here."""

import base64
import zlib

import numpy as np
import polars as pl
import pytest

from metafed.core.errors import DataError
from metafed.data.files import probe
from tests.metafed.data.table.own import describe, source

TEXT = 'data = "t.parquet"\nclient = "u"\ntarget = "y"\nfeatures = ["x"]\n'
DEADLY = (
    "c-nnaL2nX46n?WT3tFtG%)lml*ozw)8@jA*fToEK*jN<mLP|`N9spr!wHAf8fL`jw5YzPNq4B6j@$A8ai5C;&ujtW}2NI7>oY`Ga"
    "o7k7le(%lu=6&Bxc1>E0V-f3kK8Ga?0MU;#$7<vaKpBAm9&kc{@)0T{3|PUjX+{q+w&b!WA9DhLjszb-sWcd1QJw=SC`Zr^4iKI6"
    "5qXWYHO&u9YtMrZP>#(QseSo{pvIIOK@q$lfe-v}2F}6+1mGM@!g&b71-J;8AOsi)gk59d6}E@_is9?iIR1~X@TZY4uTSmM7pds`"
    "uZK_d@7WKZ{}}Ar27h|UfuQYsv?IhVs@TXe7#R#cgK;1inIyr{lUFgZI+8@b!Qc1Lvt?T3CDMkX_ErR0A#2zqjLWip53aiDP{g-*"
    "iUm2hB(|E(Z8jW>mj!m0E_Pk)0nueeUeNXg<^MNMhF%;3?a-^7c4+ck!UVLwq@3cJyy7JC!%K9{PrivE?l=;l#p0d2^X+@<^@o+n"
    "J7I=LYL&8B<ger|tGflawwG>G+NK#B3-pS~`kfA6&r;fOd3gru2fSG3FUt34N_=#dmuc$qdCLLT&-1>m<mlL}I$y}&V4Y-R+;Mc$"
    "4zS4G=cegc%4Vf!d6wY*o;1drZaVWbHZz^&A`BP#d02Fu8Rp7~c@3H=@SzQ-UMf+DESt^EN~^6#AN97^n_E-rZoSpsXl|)SEFRO<"
    "Xmw{}v!*7jlx|dOS1qe%BrGdw)Z(*7B3aQ>6(cogS%#IU)N3hYN?uR^oCmJ4uh3-w_HTlQ#99"
)
"""Found by fuzzing: one byte has polars 2.1 ask for 2^61 bytes, and the process that reads it is aborted."""


@pytest.fixture
def deadly(tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(zlib.decompress(base64.b85decode(DEADLY)))
    return path


@pytest.fixture
def sound(tmp_path):
    frame = pl.DataFrame({"u": np.repeat(["a", "b", "c"], 10), "x": np.arange(30.0), "y": np.arange(30) % 2})
    frame.write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_a_file_that_would_abort_its_reader_is_damage(deadly):
    with pytest.raises(DataError, match=r"t\.parquet is damaged: "):
        source(describe(deadly.parent, TEXT))
    with pytest.raises(DataError, match=r"t\.parquet is damaged: "):
        probe.check_parquet(deadly)


def test_a_file_that_would_hang_its_reader_is_damage(sound, monkeypatch):
    assert source(describe(sound.parent, TEXT)).clients == 3
    monkeypatch.setattr(probe, "DECODE", "while True: pass")
    monkeypatch.setattr(probe, "PATIENCE", 0.5)
    probe._check.cache_clear()
    with pytest.raises(DataError, match="could not be read through within"):
        probe.check_parquet(sound)
    probe._check.cache_clear()


def test_a_large_file_is_looked_through_once_while_it_is_left_alone(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(probe, "NOTED", 1)
    ran = []
    run = probe.subprocess.run
    monkeypatch.setattr(probe.subprocess, "run", lambda *words, **how: ran.append(words) or run(*words, **how))
    for _ in range(2):
        probe._check.cache_clear()  # as another process
        probe.check_parquet(sound)
    assert len(ran) == 1
    sound.write_bytes(sound.read_bytes()[:-9] + b"000000000")
    probe._check.cache_clear()
    with pytest.raises(DataError, match="is damaged"):
        probe.check_parquet(sound)
    assert len(ran) == 2


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        probe.check_parquet(tmp_path / "none.parquet")
