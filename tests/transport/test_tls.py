"""Certificates of ours and of peers."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from offhook.errors import ConfigError, ParseError
from offhook.transport.tls import (
    TlsSettings,
    client_context,
    client_identities,
    connect_failure,
    handshake_failure,
    own_refusal,
    peer_refusal,
    server_context,
    server_name,
)
from tests.transport.certificates import Authority


@pytest.fixture
def chain(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    return authority.issue(tmp_path, "example.com")


def refused(settings: TlsSettings) -> str:
    with pytest.raises(ConfigError) as caught:
        server_context(settings)
    return str(caught.value)


@contextmanager
def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = "example.com"
) -> Iterator[ssl.SSLSocket]:
    """A client's connection to a server of ours, over a pair of sockets."""
    one, other = socket.socketpair()
    failures: list[Exception] = []

    def serve() -> None:
        try:
            with server.wrap_socket(one, server_side=True) as accepted:
                accepted.recv(1)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(other, server_hostname=name) as connection:
            yield connection
    finally:
        other.close()
        thread.join()
        one.close()


def test_both_ends_agree_on_a_version_of_today(authority: Authority, chain: tuple[Path, Path], tmp_path: Path) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    server = server_context(TlsSettings(*chain))
    with handshake(server, client_context(TlsSettings(authorities=trusted))) as connection:
        assert connection.version() == "TLSv1.3"
        assert peer_refusal(connection, "example.com", time.time()) is None
        assert peer_refusal(connection, "sip:other.example", time.time()) is not None


@pytest.mark.parametrize("side", ["server", "client"])
def test_versions_before_1_2_are_refused(side: str, chain: tuple[Path, Path]) -> None:
    settings = TlsSettings(*chain, verify=False)
    server, client = server_context(settings), client_context(settings)
    assert server.minimum_version == client.minimum_version == ssl.TLSVersion.TLSv1_2
    old = client if side == "server" else server
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError), handshake(server, client):
        pass


@pytest.mark.parametrize(
    ("domain", "reason"),
    [
        ("sip.example.com", "the certificate of sip.example.com is refused: it is for example.com (RFC 5922 7.2)"),
        ("127.0.0.1", "the certificate of 127.0.0.1 is refused: it is for example.com (RFC 5922 7.2)"),
    ],
)
@pytest.mark.rfc("5922 7.2 #5", "5922 7.2 #6", "5922 7.3 #1", "5922 7.3 #2")
def test_a_certificate_for_another_domain_is_refused(
    authority: Authority, chain: tuple[Path, Path], tmp_path: Path, domain: str, reason: str
) -> None:
    client = client_context(TlsSettings(authorities=authority.write(tmp_path / "root.pem")))
    with handshake(server_context(TlsSettings(*chain)), client) as connection:
        assert peer_refusal(connection, domain, time.time()) == reason


def test_a_peer_without_a_certificate_is_refused() -> None:
    class Bare:
        def getpeercert(self, binary_form: bool) -> bytes | None:
            return None

    assert peer_refusal(Bare(), "example.com", 0.0) == "example.com showed no certificate"  # type: ignore[arg-type]


def test_an_unreadable_certificate_is_refused() -> None:
    class Odd:
        def getpeercert(self, binary_form: bool) -> bytes | None:
            return b"nonsense"

    said = peer_refusal(Odd(), "example.com", 0.0)  # type: ignore[arg-type]
    assert said == "the certificate of example.com is refused: not a certificate that can be read"


def failed_handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    with pytest.raises(OSError) as caught, handshake(server, client):
        pass
    return connect_failure(caught.value, "example.com")


@pytest.mark.rfc("5922 7.1 #1", "3261 26.2.2 #3", "3261 26.2.2 #4", "3261 26.3.1 #4")
def test_an_unknown_authority_is_named(chain: tuple[Path, Path], tmp_path: Path) -> None:
    other = Authority("Another Authority").write(tmp_path / "other.pem")
    said = failed_handshake(server_context(TlsSettings(*chain)), client_context(TlsSettings(authorities=other)))
    assert said.startswith("the certificate of example.com is refused: ")
    assert "not among the trusted certificates" in said


@pytest.mark.rfc("5922 7.1 #1")
def test_an_expired_certificate_is_named(authority: Authority, tmp_path: Path) -> None:
    expired = authority.issue(tmp_path, "example.com", days=(-5, -1))
    client = client_context(TlsSettings(authorities=authority.write(tmp_path / "root.pem")))
    said = failed_handshake(server_context(TlsSettings(*expired)), client)
    assert said == (
        "the certificate of example.com is refused: it, or one in its chain, has expired; "
        "or the clock of this machine is wrong"
    )


@pytest.mark.rfc("5922 7.1 #1")
def test_a_self_signed_certificate_is_named_with_the_mend(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue(tmp_path, "example.com", self_signed=True)
    client = client_context(TlsSettings(authorities=authority.write(tmp_path / "root.pem")))
    said = failed_handshake(server_context(TlsSettings(*own)), client)
    assert said == (
        "the certificate of example.com is refused: it is self-signed; "
        "add it to the trusted certificates if it is the right one"
    )
    trusting = client_context(TlsSettings(authorities=own[0]))
    with handshake(server_context(TlsSettings(*own)), trusting) as connection:
        assert peer_refusal(connection, "example.com", time.time()) is None


def openssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "text")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (openssl_error("WRONG_VERSION_NUMBER"), "the peer does not speak TLS here"),
        (openssl_error("TLSV1_ALERT_UNKNOWN_CA"), "the peer does not trust our certificate"),
        (openssl_error("BAD_ECPOINT"), "bad ecpoint"),
        (ssl.SSLError("no protocol"), "('no protocol',)"),
        (ConnectionResetError("reset"), "the peer closed the connection; is it another port that speaks TLS?"),
        (ConnectionAbortedError("SSL handshake is taking longer"), "the handshake took too long"),
    ],
)
def test_other_failures_are_told(error: OSError, said: str) -> None:
    assert handshake_failure(error) == said
    assert connect_failure(error, "192.0.2.1:5061") == f"no TLS with 192.0.2.1:5061: {said}"


def test_versions_that_do_not_meet_are_told(chain: tuple[Path, Path]) -> None:
    server = server_context(TlsSettings(*chain))
    client = client_context(TlsSettings(verify=False))
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    said = failed_handshake(server, client)
    assert said == "no TLS with example.com: the peer knows no TLS version from 1.2 on"


def test_verification_can_be_switched_off_for_laboratories(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue(tmp_path, "anybody", self_signed=True)
    with handshake(server_context(TlsSettings(*own)), client_context(TlsSettings(verify=False))):
        pass


def test_the_systems_authorities_are_the_default() -> None:
    context = client_context(TlsSettings())
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not context.check_hostname


@pytest.mark.rfc("5922 7.1 #1", "5922 7.4 #1", "3261 26.2.2 #1", "3261 26.3.1 #2")
def test_a_client_certificate_can_be_required(authority: Authority, chain: tuple[Path, Path], tmp_path: Path) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    strict = TlsSettings(*chain, authorities=trusted, require_client_certificate=True)
    assert server_context(strict).verify_mode == ssl.CERT_REQUIRED
    assert server_context(TlsSettings(*chain)).verify_mode == ssl.CERT_NONE
    phone = authority.issue(tmp_path, "phone.example.com")
    with handshake(server_context(strict), client_context(TlsSettings(*phone, authorities=trusted))) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b""
    with (
        pytest.raises(OSError),
        handshake(server_context(strict), client_context(TlsSettings(authorities=trusted))) as connection,
    ):
        connection.recv(1)


@pytest.mark.rfc("3261 26.3.1 #4", "3261 26.3.2.1 #4")
def test_a_revoked_certificate_is_refused(authority: Authority, chain: tuple[Path, Path], tmp_path: Path) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    other, _ = authority.issue(tmp_path, "other.example")

    def said(revocations: Path) -> str:
        client = client_context(TlsSettings(authorities=trusted, revocations=revocations))
        return failed_handshake(server_context(TlsSettings(*chain)), client)

    start = "the certificate of example.com is refused: "
    assert said(authority.revoke(tmp_path / "crl.pem", other, chain[0])) == f"{start}it has been revoked"
    outdated = authority.revoke(tmp_path / "old.pem", other, days=(-3, -1))
    assert said(outdated) == f"{start}the list of what its issuer has revoked is out of date"
    foreign = Authority("another root").revoke(tmp_path / "foreign.pem")
    assert said(foreign) == f"{start}no list of its issuer's tells whether it has been revoked"
    current = authority.revoke(tmp_path / "now.pem", other)
    with handshake(
        server_context(TlsSettings(*chain)), client_context(TlsSettings(authorities=trusted, revocations=current))
    ) as connection:
        assert connection.version() == "TLSv1.3"


def test_a_revoked_certificate_of_a_client_is_refused(
    authority: Authority, chain: tuple[Path, Path], tmp_path: Path
) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    phone = authority.issue(tmp_path, "phone.example.com")
    lists = authority.revoke(tmp_path / "crl.pem", phone[0])
    strict = TlsSettings(*chain, trusted, require_client_certificate=True, revocations=lists)

    def connect() -> None:
        with handshake(server_context(strict), client_context(TlsSettings(*phone, trusted))) as connection:
            connection.sendall(b"x")
            connection.recv(1)

    with pytest.raises(OSError):
        connect()


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", None])
def test_a_file_without_revocation_lists_is_told(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "crl.pem"
    if content is not None:
        file.write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=str(file)):
        client_context(TlsSettings(revocations=file))


def test_a_certificate_among_revocation_lists_is_not_trusted_by_it(authority: Authority, tmp_path: Path) -> None:
    file = authority.revoke(tmp_path / "crl.pem")
    file.write_bytes(file.read_bytes() + authority.pem)
    with pytest.raises(ConfigError, match="and nothing else"):
        client_context(TlsSettings(revocations=file))


OLD = "AES128-SHA"
"""What OpenSSL calls TLS_RSA_WITH_AES_128_CBC_SHA."""


@pytest.mark.rfc("3261 26.2.1 #1", "3261 26.2.2 #2")
@pytest.mark.parametrize("side", ["server", "client"])
def test_the_cipher_of_rfc_3261_is_there_for_who_asks_for_it(authority: Authority, tmp_path: Path, side: str) -> None:
    """And nobody else gets it: this deviates from 26.2.1."""
    trusted = authority.write(tmp_path / "root.pem")
    chain = authority.issue(tmp_path, "example.com", with_rsa=True)
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == "client" else ssl.PROTOCOL_TLS_CLIENT)
    bare.maximum_version = ssl.TLSVersion.TLSv1_2
    bare.set_ciphers(OLD)
    if side == "client":
        bare.load_cert_chain(*chain)
    else:
        bare.load_verify_locations(trusted)

    def agreed(ciphers: str) -> tuple[str, str, int] | None:
        ours = TlsSettings(*chain, trusted, ciphers=ciphers)
        server, client = (server_context(ours), bare) if side == "server" else (bare, client_context(ours))
        with handshake(server, client) as connection:
            return connection.cipher()

    assert agreed(f"ECDHE+AESGCM:{OLD}") == (OLD, "SSLv3", 128)
    with pytest.raises(ssl.SSLError):
        agreed("")


def test_ciphers_that_openssl_has_not_are_told() -> None:
    with pytest.raises(ConfigError, match="'DES-CBC3-SHAKEN' names no cipher that OpenSSL has here"):
        client_context(TlsSettings(ciphers="DES-CBC3-SHAKEN"))


# Several certificates


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("example.com", "example.com"),
        ("sip.example.com", "example.com"),
        ("example.net", "example.net"),
        ("EXAMPLE.net", "example.net"),
        ("example.org", "example.org"),
        ("both.example", "example.com"),
        ("elsewhere.example", "example.com"),
        (None, "example.com"),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_certificate_is_for_the_name_that_is_asked_for(
    authority: Authority, tmp_path: Path, asked: str | None, shown: str, version: ssl.TLSVersion
) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    first = authority.issue(tmp_path, "example.com", "sip.example.com", "both.example")
    named = [authority.issue(tmp_path, name, "both.example") for name in ("example.net", "example.org")]
    server = server_context(TlsSettings(*first, named=named))
    client = client_context(TlsSettings(authorities=trusted))
    client.minimum_version = client.maximum_version = version
    with handshake(server, client, asked) as connection:
        assert peer_refusal(connection, shown, time.time()) is None


@pytest.mark.parametrize("vouched", [True, False])
def test_a_required_client_certificate_is_required_by_every_name(
    authority: Authority, tmp_path: Path, vouched: bool
) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    settings = TlsSettings(
        *authority.issue(tmp_path, "example.com"),
        trusted,
        require_client_certificate=True,
        named=[authority.issue(tmp_path, "example.net")],
    )
    client = TlsSettings(*authority.issue(tmp_path, "phone.example.net", self_signed=not vouched), trusted)
    with handshake(server_context(settings), client_context(client), "example.net") as connection:
        assert peer_refusal(connection, "example.net", time.time()) is None
        if vouched:
            connection.send(b"x")
            assert connection.recv(1) == b""
        else:
            # What TLS 1.3 asks of a client is judged after the client's side of the handshake.
            with pytest.raises(OSError):
                connection.recv(1)


def test_a_named_certificate_that_cannot_be_used_is_told(
    authority: Authority, chain: tuple[Path, Path], tmp_path: Path
) -> None:
    missing = tmp_path / "missing.pem"
    assert refused(TlsSettings(*chain, named=[(missing, None)])).startswith(f"cannot read the certificate {missing}: ")
    other, _ = authority.issue(tmp_path, "example.net")
    assert "holds no private key" in refused(TlsSettings(*chain, named=[(other, None)]))


def test_what_peers_will_say_of_the_certificate_that_they_are_shown(authority: Authority, tmp_path: Path) -> None:
    first = authority.issue(tmp_path, "example.com")
    current = authority.issue(tmp_path, "example.net")
    expired = authority.issue(tmp_path, "example.org", "192.0.2.1", days=(-2.0, -1.0))
    settings = TlsSettings(*first, named=[current, expired])
    assert own_refusal(settings, "example.com", time.time()) is None
    assert own_refusal(settings, "example.net", time.time()) is None
    assert "it expired on" in str(own_refusal(settings, "example.org", time.time()))
    for name in ("elsewhere.example", "192.0.2.1"):
        assert "it is for example.com" in str(own_refusal(settings, name, time.time()))


@pytest.mark.rfc("5922 7.4 #2")
def test_whom_the_certificate_of_a_client_speaks_for(authority: Authority, tmp_path: Path) -> None:
    class Connection:
        def __init__(self, der: bytes | None) -> None:
            self.der = der

        def getpeercert(self, binary_form: bool) -> bytes | None:
            return self.der

    def identities(der: bytes | None) -> tuple[str, ...]:
        return client_identities(Connection(der))  # type: ignore[arg-type]

    issued, _ = authority.issue(tmp_path, "a.example", "b.example")
    der = load_pem_x509_certificates(issued.read_bytes())[0].public_bytes(Encoding.DER)
    assert identities(der) == ("a.example", "b.example")
    assert identities(None) == ()
    with pytest.raises(ParseError):
        identities(b"nonsense")


def test_authorities_may_be_a_folder(authority: Authority, chain: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "trusted"
    folder.mkdir()
    root = authority.write(folder / "root.pem")
    openssl = shutil.which("openssl")
    assert openssl is not None
    subject = subprocess.run([openssl, "x509", "-hash", "-noout", "-in", root], capture_output=True, check=True)
    (folder / f"{subject.stdout.decode().strip()}.0").symlink_to(root)
    client = client_context(TlsSettings(authorities=folder))
    with handshake(server_context(TlsSettings(*chain)), client) as connection:
        assert peer_refusal(connection, "example.com", time.time()) is None


# Files that are not what they should be


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    assert refused(TlsSettings(missing)) == f"cannot read the certificate {missing}: No such file or directory"


def test_a_missing_key_is_named(chain: tuple[Path, Path], tmp_path: Path) -> None:
    missing = tmp_path / "none.key"
    said = refused(TlsSettings(chain[0], missing))
    assert said == f"cannot read the private key {missing}: No such file or directory"


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    assert refused(TlsSettings(tmp_path)) == f"cannot read the certificate {tmp_path}: Is a directory"


@pytest.mark.parametrize(
    "octets",
    [b"", b"hello", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
)
def test_what_is_no_certificate_is_named(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "bad.pem"
    file.write_bytes(octets)
    assert refused(TlsSettings(file)) == f"{file} is not a PEM certificate"


def test_a_certificate_without_its_key_says_what_to_do(chain: tuple[Path, Path]) -> None:
    certificate, _ = chain
    said = refused(TlsSettings(certificate))
    assert said == f"{certificate} holds no private key; name the file of the key too"
    assert refused(TlsSettings(certificate, certificate)) == f"{certificate} holds no private key; it has to be PEM"


def test_certificate_and_key_may_share_a_file(chain: tuple[Path, Path], tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(chain[0].read_bytes() + chain[1].read_bytes())
    assert server_context(TlsSettings(both)).minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_key_of_another_certificate_is_named(
    authority: Authority, chain: tuple[Path, Path], tmp_path: Path
) -> None:
    _, other = authority.issue(tmp_path, "other.example")
    said = refused(TlsSettings(chain[0], other))
    assert said == f"the private key in {other} does not belong to the certificate {chain[0]}"


def test_an_encrypted_key_is_named_and_nothing_is_asked_for(chain: tuple[Path, Path], tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    locked.write_bytes(Authority.private_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"))
    said = refused(TlsSettings(chain[0], locked))
    assert said == f"the private key in {locked} is encrypted; give one without a passphrase"


def test_a_broken_key_is_named(chain: tuple[Path, Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.key"
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    said = refused(TlsSettings(chain[0], broken))
    assert said.startswith(f"cannot use the certificate {chain[0]} with its key in {broken}: ")


@pytest.mark.parametrize("octets", [b"", b"hello"])
def test_what_holds_no_authorities_is_named(tmp_path: Path, octets: bytes) -> None:
    file = tmp_path / "roots.pem"
    file.write_bytes(octets)
    with pytest.raises(ConfigError) as caught:
        client_context(TlsSettings(authorities=file))
    assert str(caught.value) == f"{file} holds no PEM certificates to trust"


def test_missing_authorities_are_named(tmp_path: Path) -> None:
    file = tmp_path / "none.pem"
    with pytest.raises(ConfigError) as caught:
        client_context(TlsSettings(authorities=file))
    assert str(caught.value) == f"cannot read the trusted certificates in {file}: No such file or directory"


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("example.com", "example.com"),
        ("example.com.", "example.com"),
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
        (f"{'a' * 64}.example", ""),
        ("", ""),
    ],
)
def test_the_name_that_is_asked_for(domain: str, name: str) -> None:
    assert server_name(domain) == name


def test_paths_may_be_text(chain: tuple[Path, Path]) -> None:
    settings = TlsSettings(os.fspath(chain[0]), os.fspath(chain[1]))
    assert server_context(settings).cert_store_stats()["x509"] == 0
