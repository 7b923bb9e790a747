"""The files of a deployment say what they should, and what reads them accepts them."""

import re
from pathlib import Path

import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NODES = [f"supernode-{number}" for number in range(4)]


def test_ray_accepts_the_cluster():
    config = prepare_config(yaml.safe_load((ROOT / "docker" / "ray-cluster.yaml").read_text()))
    validate_config(config)
    assert config["cluster_name"] == "metafed"


def test_no_node_shares_a_volume():
    mounts = {name: COMPOSE["services"][name]["volumes"] for name in NODES}
    flat = [mount for each in mounts.values() for mount in each]
    assert len(flat) == len(set(flat)) == 8
    assert all(mount.endswith(":ro") for mount in flat)


def test_who_has_no_data_sees_the_descriptions_as_the_nodes_see_theirs():
    for name in ("superlink", "run"):
        mounts = [mount for mount in COMPOSE["services"][name]["volumes"] if ":/data" in mount]
        assert mounts == ["${DESCRIPTIONS:-descriptions}:/data:ro"]
    assert "descriptions" in COMPOSE["volumes"]
    for name in NODES:
        assert COMPOSE["services"][name]["environment"]["METAFED_OWN_DATA"] == "${OWN_DATA:-}"


def test_each_service_sees_its_own_keys_only():
    seen = {
        name: {m.split(":")[0] for m in service.get("volumes", []) if m.startswith("keys")}
        for name, service in COMPOSE["services"].items()
    }
    assert seen.pop("certificates") == {
        *("keys-authority", "keys-superlink", "keys-operator"),
        *(f"keys-node-{number}" for number in range(4)),
    }
    assert seen == {
        "superlink": {"keys-superlink"},
        "run": {"keys-operator"},
        **{name: {f"keys-node-{number}"} for number, name in enumerate(NODES)},
    }


def test_every_setting_of_the_compose_files_is_in_the_example():
    used = set()
    for name in ("docker-compose.yml", "docker-compose.gpu.yml"):
        used |= set(re.findall(r"\$\{(\w+)", (ROOT / name).read_text()))
    said = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used - {"IMAGE"} == said


def test_the_example_holds_the_defaults():
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    for name, value in re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert defaults[name] == value


def test_the_image_holds_the_four_rooms_and_nothing_secret():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert kept == {
        *("metafed", "client", "server", "simulation"),
        *("pyproject.toml", "requirements.lock", "README.md", "LICENSE", "docker/requirements.py"),
    }
