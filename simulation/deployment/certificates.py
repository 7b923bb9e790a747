"""``python -m simulation.deployment.certificates``: what a federation needs so that only its members take part.

One folder for each side, so that each can be given its own and no other:

====================  =======================================  ==================================
folder                files                                    who gets it
====================  =======================================  ==================================
``authority``         ``ca.key``, ``ca.crt``                   nobody: it signs server certificates
``superlink``         ``server.key``, ``server.crt``,          the SuperLink
                      ``ca.crt``, ``control.key``
``operator``          ``ca.crt``, ``control.key``,             who registers nodes and submits runs
                      ``node-P.pub``
``node-P``            ``node.key``, ``node.pub``, ``ca.crt``   SuperNode P
====================  =======================================  ==================================

Keys are of the curve P-384 (Flower takes NIST curves only). ``control.key`` is a shared secret: Flower 1.41 has no
accounts of its own, see ``simulation.deployment.superlink``.
"""

import argparse
import ipaddress
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from metafed.core.errors import DataError
from metafed.core.reading import read_text
from simulation.cli.errors import BadInput
from simulation.cli.streams import forgiving

AUTHORITY, SUPERLINK, OPERATOR = "authority", "superlink", "operator"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""Every server certificate holds these too: Flower's own processes on the SuperLink's machine go by them."""
DAYS = 365


def issue(folder: Path, hosts: Sequence[str], nodes: int, days: int = DAYS) -> None:
    """Make what is missing in ``folder``; what is there stays as it is.

    A new server certificate is signed by the authority that is there, so nothing changes for nodes. Remove a node's
    folder (and its key from ``operator``) to give it a new key; remove everything to start anew.

    Args:
        folder: Where the folders of the sides go.
        hosts: Names and addresses under which the SuperLink is reached.
        nodes: SuperNodes; their folders are ``node-0`` … .
        days: Days for which a new server certificate is valid; the authority's own is valid ten times as long.

    Raises:
        OSError: Something cannot be written.
    """
    authority, superlink, operator = (folder / name for name in (AUTHORITY, SUPERLINK, OPERATOR))
    for each in (authority, superlink, operator):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (authority / "ca.crt").exists():
        key = ec.generate_private_key(ec.SECP384R1())
        write(authority / "ca.key", private(key))
        write(authority / "ca.crt", signed(key, key, "metafed authority", days * 10).public_bytes(PEM), 0o644)
    root = (authority / "ca.crt").read_bytes()
    if not (superlink / "server.crt").exists():
        signer = serialization.load_pem_private_key((authority / "ca.key").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey), "we made it"
        key = ec.generate_private_key(ec.SECP384R1())
        certificate = signed(key, signer, "metafed SuperLink", days, [*hosts, *LOCAL_HOSTS])
        write(superlink / "server.key", private(key))
        write(superlink / "server.crt", certificate.public_bytes(PEM), 0o644)
    if not (superlink / "control.key").exists():
        write(superlink / "control.key", secrets.token_urlsafe(32).encode())
    write(operator / "control.key", (superlink / "control.key").read_bytes())
    for each in (superlink, operator):
        write(each / "ca.crt", root, 0o644)
    for number in range(nodes):
        own = folder / f"node-{number}"
        own.mkdir(mode=0o700, exist_ok=True)
        if not (own / "node.key").exists():
            node_key(own)
        write(own / "ca.crt", root, 0o644)
        write(operator / f"node-{number}.pub", (own / "node.pub").read_bytes(), 0o644)


def node_key(folder: Path) -> None:
    """Write a new key pair of a SuperNode, ``node.key`` and ``node.pub``, in OpenSSH's formats, as Flower wants."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write(folder / "node.key", private(key, serialization.PrivateFormat.OpenSSH))
    write(folder / "node.pub", public + b"\n", 0o644)


PEM = serialization.Encoding.PEM


def private(
    key: ec.EllipticCurvePrivateKey, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8
) -> bytes:
    """Return the private key as PEM, unencrypted: it is guarded by the file's mode."""
    return key.private_bytes(PEM, form, serialization.NoEncryption())


def signed(
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    name: str,
    days: int,
    hosts: Sequence[str] | None = None,
) -> x509.Certificate:
    """Return a certificate of ``key`` by ``signer``: the authority's own where ``hosts`` is None, else a server's."""
    start = datetime.now(UTC) - timedelta(hours=1)  # clocks differ a little between machines
    authority = hosts is None
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= {"encipher_only": False, "decipher_only": False, "digital_signature": not authority}
    extensions: list[tuple[Any, bool]] = [
        (x509.BasicConstraints(ca=authority, path_length=0 if authority else None), True),
        (x509.KeyUsage(key_cert_sign=authority, crl_sign=authority, **usage), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ]
    if hosts is not None:
        names = [_general_name(host) for host in dict.fromkeys(hosts)]
        extensions += [
            (x509.SubjectAlternativeName(names), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "metafed authority")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, hashes.SHA384())


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that never was readable by more than ``mode`` says, atomically."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    draft.replace(path)


def check_keys(folder: Path, flag: str, key: str) -> None:
    """Refuse a folder that does not hold a certificate ``ca.crt`` and the key that goes with it.

    Raises:
        BadInput: One is missing, may not be read, is no regular file, or holds something else.
    """
    try:
        read_text(folder / key, flag)
        x509.load_pem_x509_certificates(read_text(folder / "ca.crt", flag).encode())
    except DataError as error:
        raise BadInput(str(error)) from None
    except ValueError:
        raise BadInput(f"{flag} {folder / 'ca.crt'}: holds no certificate in PEM") from None


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    forgiving()
    parser = argparse.ArgumentParser(
        prog="python -m simulation.deployment.certificates",
        description="Make a federation's authority, server certificate, control key and node keys; keep what is there.",
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the folders of the sides go")
    parser.add_argument("--host", action="append", default=[], help="name or address of the SuperLink; may be repeated")
    parser.add_argument("--nodes", type=int, required=True, help="SuperNodes")
    parser.add_argument(
        "--days", type=int, default=DAYS, help="validity of the server certificate (default: %(default)s)"
    )
    given = parser.parse_args(argv)
    if given.nodes < 1 or given.days < 1:
        parser.error(f"--nodes {given.nodes} --days {given.days}: both are at least 1")
    try:
        issue(given.folder, given.host, given.nodes, given.days)
    except OSError as error:
        print(f"metafed: --folder {given.folder}: {error.strerror} ({error.filename})", file=sys.stderr)
        return 2
    print(f"the keys of {given.nodes} nodes, the operator and the SuperLink are in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
