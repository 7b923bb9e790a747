"""Inputs that a fuzzer begins with, by target."""

SEEDS: dict[str, list[bytes]] = {
    "config-file": [
        b'clients = 20\nrounds = 2\n[algorithm]\nname = "maml"\ninner-steps = 3\n',
        b'aggregator = "krum"\n[objective]\nname = "qffl"\nq = 2.0\n[sampling]\nname = "poisson"\n',
        b"dp-noise = 1.0\ndp-clip = 0.5\nsecure-aggregation = true\nmix = 'assistant=2'\n",
    ],
    "tasks": [b"personalization,assistant:clinc150,avatar", b"a=3,b=2", b"mine:x.toml", b"sinusoid:\xff"],
    "faults": [b'{"fault": [{"kind": "alie", "share": 0.2}]}', b'{"kind": "nan", "clients": [1]}]}'],
    "own-data": [
        b"\x00\x00\x00\x00u,x,y\n1,2,3\n1,3,4\n2,1,1\n3,5,5\n",
        b"\x02\x00\x00\x00PK\x03\x04",
        b"\x01\x00\x00\x00PAR1",
    ],
    "checkpoint": [b"\x02\x00{}" + b"\0" * 20],
}
