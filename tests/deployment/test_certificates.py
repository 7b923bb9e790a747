"""The keys: who can read them, what they verify, and that making them again changes nothing."""

import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from simulation.deployment.certificates import issue
from tests.simulation.command.running import command

SECRET = {"ca.key", "server.key", "control.key", "node.key"}


@pytest.fixture
def keys(tmp_path):
    issue(tmp_path / "keys", ["superlink", "192.0.2.1"], 2)
    return tmp_path / "keys"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_side_has_what_it_needs_and_no_more(keys):
    assert {str(path) for path in content(keys)} == {
        *("authority/ca.key", "authority/ca.crt"),
        *("superlink/server.key", "superlink/server.crt", "superlink/ca.crt", "superlink/control.key"),
        *("operator/ca.crt", "operator/control.key", "operator/node-0.pub", "operator/node-1.pub"),
        *("node-0/node.key", "node-0/node.pub", "node-0/ca.crt"),
        *("node-1/node.key", "node-1/node.pub", "node-1/ca.crt"),
    }


def test_secrets_are_readable_by_their_owner_alone(keys):
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.rglob("*") if path.name in SECRET}
    assert modes == dict.fromkeys(SECRET, 0o600)
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()} == {0o700}


def test_the_server_certificate_is_the_authoritys_and_names_the_hosts(keys):
    root = x509.load_pem_x509_certificate((keys / "authority" / "ca.crt").read_bytes())
    server = x509.load_pem_x509_certificate((keys / "superlink" / "server.crt").read_bytes())
    server.verify_directly_issued_by(root)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["superlink", "localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "127.0.0.1", "::1"]
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ssl.create_default_context(cafile=str(keys / "node-0" / "ca.crt"))


def test_node_keys_are_pairs_and_all_different(keys):
    seen = set()
    for node in ("node-0", "node-1"):
        private = load_ssh_private_key((keys / node / "node.key").read_bytes(), None)
        public = load_ssh_public_key((keys / "operator" / f"{node}.pub").read_bytes())
        assert private.public_key() == public
        seen.add(private.private_numbers().private_value)
    assert len(seen) == 2


def test_what_is_there_stays(keys):
    before = content(keys)
    issue(keys, ["superlink", "192.0.2.1"], 3)
    after = content(keys)
    assert {path: after[path] for path in before} == before
    assert {str(path) for path in set(after) - set(before)} == {
        "operator/node-2.pub", "node-2/node.key", "node-2/node.pub", "node-2/ca.crt",
    }  # fmt: skip


def test_a_node_gets_a_new_key_where_its_own_is_removed(keys):
    before = content(keys)
    for path in (keys / "node-0").iterdir():
        path.unlink()
    issue(keys, ["superlink"], 2)
    changed = {str(path) for path, text in content(keys).items() if before[path] != text}
    assert changed == {"node-0/node.key", "node-0/node.pub", "operator/node-0.pub"}


def test_command(tmp_path):
    done = command("--folder", tmp_path / "k", "--host", "h", "--nodes", 1, module="simulation.deployment.certificates")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "k" / "node-0" / "node.key").exists()


def test_command_with_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    done = command("--folder", tmp_path / "file" / "k", "--nodes", 1, module="simulation.deployment.certificates")
    assert done.returncode == 2
    assert done.stderr.startswith("metafed: --folder")
    assert "Traceback" not in done.stderr
