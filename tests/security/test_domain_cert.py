from __future__ import annotations

import re
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.security import domain_cert
from offhook.security.domain_cert import SIP_DOMAIN_USAGE, DomainCertificate, chain_refusal, same_domain

KEY = ec.generate_private_key(ec.SECP256R1())
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = (BEGIN + timedelta(days=1)).timestamp()

uri = x509.UniformResourceIdentifier
dns = x509.DNSName


def ip(text: str) -> x509.IPAddress:
    return x509.IPAddress(ip_address(text))


def certificate(
    *names: x509.GeneralName, common: tuple[str, ...] = (), usage: tuple[ObjectIdentifier, ...] | None = None
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in common])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(4711)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + timedelta(days=30))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def identities(*names: x509.GeneralName, common: tuple[str, ...] = ()) -> tuple[str, ...]:
    return DomainCertificate.parse(certificate(*names, common=common)).identities


def test_all_names_exist() -> None:
    assert all(hasattr(domain_cert, name) for name in domain_cert.__all__)


@pytest.mark.rfc("5922 7.1 #3", "5922 7.1 #4", "5922 7.1 #5", "5922 7.1 #6", "5922 7.2 #1", "5922 7.2 #2")
@pytest.mark.parametrize(
    ("names", "common", "expected"),
    [
        ([uri("sip:example.com")], (), ("example.com",)),
        ([uri("SIP:Example.COM:5061;transport=tls?a=b")], (), ("Example.COM",)),
        ([uri("sip:[2001:db8::1]:5061")], (), ("2001:db8::1",)),
        ([uri("sip:a.example"), uri("sip:b.example")], (), ("a.example", "b.example")),
        # A DNS name counts only where there is no sip URI.
        ([uri("sip:a.example"), dns("b.example")], (), ("a.example",)),
        ([dns("b.example"), dns("*.c.example")], (), ("b.example", "*.c.example")),
        # A user's URI and other schemes are no domain.
        ([uri("sip:alice@a.example"), dns("b.example")], (), ("b.example",)),
        ([uri("sip:a.example?h=x@y"), dns("b.example")], (), ("b.example",)),
        ([uri("sips:a.example"), uri("im:a.example"), uri("http://a.example/")], (), ()),
        ([uri("sip:"), uri("sip:;lr"), uri("a.example")], (), ()),
        # The common name counts only where there is no subjectAltName at all.
        ([], ("a.example",), ("a.example",)),
        ([], ("b.example", "a.example"), ("a.example",)),
        ([dns("b.example")], ("a.example",), ("b.example",)),
        ([x509.RFC822Name("x@a.example")], ("a.example",), ()),
        ([], ("*.a.example",), ()),
        ([], ("a.example", "Not a name"), ()),
        ([], ("-a.example",), ()),
        ([], ("192.0.2.1",), ()),
        ([], (), ()),
    ],
)
def test_identities(names: list[x509.GeneralName], common: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert identities(*names, common=common) == expected


def test_openssl_sees_the_same_names(tmp_path: Path) -> None:
    names = [dns("a.example"), dns("*.b.example"), ip("192.0.2.1"), ip("2001:db8::1")]
    path = tmp_path / "cert.der"
    path.write_bytes(certificate(*names, usage=(SIP_DOMAIN_USAGE,)))
    command = ["openssl", "x509", "-inform", "DER", "-in", str(path), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    parsed = DomainCertificate.parse(path.read_bytes())
    assert tuple(re.findall(r"DNS:([^,\s]+)", text)) == parsed.identities
    addresses = {ip_address(found).packed for found in re.findall(r"IP Address:([0-9A-F.:]+)", text)}
    assert addresses == parsed.addresses
    [end] = re.findall(r"Not After : (.*)", text)
    assert ssl.cert_time_to_seconds(end) == parsed.not_after
    assert parsed.purposes == frozenset({SIP_DOMAIN_USAGE})
    assert "1.3.6.1.5.5.7.3.20" in text


@pytest.mark.rfc("5922 7.2 #3", "5922 7.2 #4", "5922 7.2 #5", "5922 7.2 #6", "5922 7.2 #7")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("example.com", "EXAMPLE.com", True),
        ("example.com", "example.com.", True),
        ("example.com", "foo.example.com", False),
        ("foo.example.com", "example.com", False),
        ("*.example.com", "foo.example.com", False),
        ("*.example.com", "*.example.com", True),
        (".example.com", "foo.example.com", False),
        (".example.com", ".example.com", True),
        ("b\u00fccher.example", "xn--bcher-kva.example", True),
        ("B\u00dcCHER.example", "b\u00fccher.example", True),
        ("example.com", "example.com\0.evil.example", False),
        ("example.com", "example.com..", False),
        ("", "", False),
        (".", ".", False),
        ("a" * 254, "a" * 254, False),
        ("\u00fc" * 200, "\u00fc" * 200, False),
        ("\udcff", "\udcff", False),
        ("\u0131.example", "i.example", False),
        ("\u212a.example", "k.example", True),
    ],
)
def test_comparison(one: str, other: str, same: bool) -> None:
    """RFC 5922 7.2; the Kelvin sign is a k for IDNA, whose ToASCII RFC 5280 7.2 prescribes."""
    assert same_domain(one, other) is same
    assert same_domain(other, one) is same


@pytest.mark.rfc("5922 7.2 #3", "5922 7.2 #7")
def test_who_it_speaks_for() -> None:
    parsed = DomainCertificate.parse(certificate(dns("a.example"), dns("*.b.example")))
    assert parsed.speaks_for("A.example")
    assert not parsed.speaks_for("x.b.example")
    assert not parsed.speaks_for("b.example")


@pytest.mark.parametrize("target", ["2001:DB8:0::1", "[2001:db8::1]", "192.0.2.1", "198.51.100.7"])
def test_a_numeric_target_needs_its_address(target: str) -> None:
    names = [ip("2001:db8::1"), ip("192.0.2.1"), uri("sip:198.51.100.7"), uri("sip:a.example")]
    assert DomainCertificate.parse(certificate(*names)).speaks_for(target)
    assert not DomainCertificate.parse(certificate(ip("192.0.2.9"), dns(target))).speaks_for(target)
    assert not DomainCertificate.parse(certificate(common=(target,))).speaks_for(target)


def test_an_address_is_no_domain() -> None:
    assert not DomainCertificate.parse(certificate(ip("192.0.2.1"))).speaks_for("a.example")


@pytest.mark.rfc("5922 7.2 #7", "5922 7.3 #1")
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([dns("b.example")], "it is for b.example (RFC 5922 7.2)"),
        ([dns("b.example"), ip("192.0.2.1")], "it is for b.example and 192.0.2.1 (RFC 5922 7.2)"),
        ([uri("sip:192.0.2.1"), ip("192.0.2.1")], "it is for 192.0.2.1 (RFC 5922 7.2)"),
        (
            [dns("*.example")],
            "it is for *.example, and in SIP a wildcard stands for nothing (RFC 5922 7.2)",
        ),
        ([dns("a\x1b[31m")], r"it is for a\x1b[31m (RFC 5922 7.2)"),
        (
            [dns(f"{n}.example") for n in range(7)],
            "it is for 0.example, 1.example, 2.example, 3.example, 4.example and 2 more (RFC 5922 7.2)",
        ),
        ([uri("sips:a.example")], "it holds no SIP domain identity (RFC 5922 7.1)"),
    ],
)
def test_why_a_name_is_refused(names: list[x509.GeneralName], sentence: str) -> None:
    parsed = DomainCertificate.parse(certificate(*names))
    assert parsed.refusal("a.example", NOW) == f"the certificate of a.example is refused: {sentence}"


def test_an_acceptable_certificate_is_not_refused() -> None:
    assert DomainCertificate.parse(certificate(dns("a.example"))).refusal("a.example", NOW) is None


def test_why_a_date_is_refused() -> None:
    parsed = DomainCertificate.parse(certificate(dns("a.example")))
    early, late = parsed.refusal("a.example", NOW - 2 * 86400), parsed.refusal("a.example", NOW + 40 * 86400)
    clock = "; or the clock of this machine is wrong"
    begin = "the certificate of a.example is refused: it "
    assert early == f"{begin}is valid only from 2026-01-01 00:00:00 UTC on{clock}"
    assert late == f"{begin}expired on 2026-01-31 00:00:00 UTC{clock}"


@pytest.mark.rfc("5922 7.1 #2")
@pytest.mark.parametrize(
    ("usage", "as_server", "as_client"),
    [
        (None, True, True),
        ((SIP_DOMAIN_USAGE,), True, True),
        ((ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), True, True),
        ((ExtendedKeyUsageOID.SERVER_AUTH,), True, False),
        ((ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.CODE_SIGNING), False, True),
        ((ExtendedKeyUsageOID.CODE_SIGNING,), False, False),
    ],
)
def test_extended_key_usage(usage: tuple[ObjectIdentifier, ...] | None, as_server: bool, as_client: bool) -> None:
    parsed = DomainCertificate.parse(certificate(dns("a.example"), usage=usage))
    for of_client, accepted in ((False, as_server), (True, as_client)):
        reason = parsed.refusal("a.example", NOW, of_client=of_client)
        assert reason is None if accepted else reason is not None and "extended key usage" in reason


def test_why_a_chain_is_refused(tmp_path: Path) -> None:
    """The codes are those of the OpenSSL below Python: a self-signed certificate earns 18."""
    path = tmp_path / "cert.der"
    path.write_bytes(certificate(dns("a.example"), common=("a.example",)))
    command = ["openssl", "verify", "-no_check_time", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    [(code, message)] = re.findall(r"error (\d+) at 0 depth lookup: (.*)", result.stderr + result.stdout)
    sentence = "the certificate of a.example is refused: it is self-signed; add it to the trusted certificates"
    assert chain_refusal(int(code), message, "a.example").startswith(sentence)
    assert chain_refusal(9999, "odd\nthing", "a\udcff") == r"the certificate of a\udcff is refused: odd\nthing"


def test_no_certificate() -> None:
    for octets in (b"", b"junk", certificate()[:-1]):
        with pytest.raises(ParseError, match="not a certificate"):
            DomainCertificate.parse(octets)


WHOLE = certificate(uri("sip:a.example"), dns("b.example"), ip("192.0.2.1"), usage=(SIP_DOMAIN_USAGE,))


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_any_octets_give_a_value_or_a_parse_error(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(WHOLE)
    for position, value in changes:
        octets[position] = value
    try:
        parsed = DomainCertificate.parse(bytes(octets))
    except ParseError:
        return
    reason = parsed.refusal("a.example", NOW)
    assert reason is None or reason.isprintable()
