"""Whom a TLS certificate speaks for: SIP domain identities (RFC 5922) and why a certificate is refused.

The chain up to a trusted authority is the TLS library's business (RFC 5280); what stands in the certificate itself is
judged here, because no TLS library knows the rules of SIP: no wildcards, `sip` URIs before DNS names, and the
common name only where there is no subjectAltName at all.

Two decisions are our own. RFC 5922 knows no numeric targets; for one such as ``sips:192.0.2.1`` the certificate must
hold that address, as an iPAddress of subjectAltName (RFC 5280 4.2.1.6) or as the host of a `sip` URI there, and never
as text in a DNS name or a common name. And RFC 5924 (experimental) would refuse a certificate whose extended key
usage lists only TLS server or client authentication; no public authority issues any other, so that usage is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, ObjectIdentifier

from offhook.errors import ParseError

__all__ = ["SIP_DOMAIN_USAGE", "DomainCertificate", "chain_refusal", "same_domain"]

SIP_DOMAIN_USAGE: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.20")
"""id-kp-sipDomain (RFC 5924 4.1)."""

_DNS_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_MAX_NAME: Final = 253
_MAX_SHOWN: Final = 5

_CHAIN_REFUSALS: Final[dict[int, str]] = {
    2: "the certificate of its issuer is missing",
    3: "no list of its issuer's tells whether it has been revoked",
    7: "its signature is not its issuer's",
    9: "it is not valid yet; or the clock of this machine is wrong",
    10: "it, or one in its chain, has expired; or the clock of this machine is wrong",
    12: "the list of what its issuer has revoked is out of date",
    18: "it is self-signed; add it to the trusted certificates if it is the right one",
    19: "its chain ends in a root that is not among the trusted certificates",
    20: "its issuer is not among the trusted certificates, or the peer did not send the whole chain",
    21: "its issuer is not among the trusted certificates, or the peer did not send the whole chain",
    22: "its chain is too long",
    23: "it has been revoked",
    24: "a certificate in its chain may not issue others",
    25: "its chain is longer than an issuer in it allows",
    26: "it may not be used for this end of a TLS connection (extended key usage)",
    34: "it has a critical extension that is not known",
    47: "its name is outside of what its issuer may certify",
    48: "its name is among those that its issuer may not certify",
    66: "its key is too short",
    67: "the key of an issuer in its chain is too short",
    68: "an issuer in its chain signed with a hash that is too weak",
    79: "a certificate in its chain may not issue others",
}
"""What OpenSSL's verification results (X509_V_ERR_...) say about the peer's certificate."""


def same_domain(one: str, other: str) -> bool:
    """Whether two names are the same SIP domain (RFC 5922 7.2): whole names, letter case aside, no wildcards.

    Internationalized names compare in their ASCII form (RFC 5280 7.2). A final dot, which only says that a name is
    absolute, does not count.
    """
    name = _dns_name(one)
    return name is not None and name == _dns_name(other)


def chain_refusal(code: int, message: str, domain: str) -> str:
    """One sentence about a chain that the TLS library refused.

    `code` and `message` are the `verify_code` and `verify_message` of Python's ``ssl.SSLCertVerificationError``.
    """
    return f"the certificate of {_shown(domain)} is refused: {_CHAIN_REFUSALS.get(code, _shown(message))}"


class DomainCertificate:
    """What a certificate says about SIP domains.

    `identities` are its SIP domain identities as written (RFC 5922 7.1), possibly none. `addresses` are the IP
    addresses it holds, packed. `purposes` are the object identifiers of its extended key usage, None without that
    extension. `not_before` and `not_after` are seconds since 1970-01-01 UTC.
    """

    __slots__ = ("addresses", "identities", "not_after", "not_before", "purposes")

    def __init__(
        self,
        identities: tuple[str, ...],
        addresses: frozenset[bytes],
        purposes: frozenset[ObjectIdentifier] | None,
        not_before: float,
        not_after: float,
    ) -> None:
        self.identities = identities
        self.addresses = addresses
        self.purposes = purposes
        self.not_before = not_before
        self.not_after = not_after

    @classmethod
    def parse(cls, der: bytes) -> DomainCertificate:
        """Read a certificate from its DER octets. Raises ParseError."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            return cls._read(certificate)
        except (
            ValueError,
            x509.DuplicateExtension,
            x509.InvalidVersion,
            x509.UnsupportedGeneralNameType,
        ) as error:
            raise ParseError("not a certificate that can be read", clause="RFC 5280 4.1") from error

    @classmethod
    def _read(cls, certificate: x509.Certificate) -> DomainCertificate:
        names: x509.SubjectAlternativeName | None = None
        purposes: frozenset[ObjectIdentifier] | None = None
        for extension in certificate.extensions:
            if extension.oid == ExtensionOID.SUBJECT_ALTERNATIVE_NAME:
                names = extension.value
            elif extension.oid == ExtensionOID.EXTENDED_KEY_USAGE:
                purposes = frozenset(extension.value)
        hosts: list[str] = []
        addresses: set[bytes] = set()
        if names is None:
            identities = _common_names(certificate)
        else:
            hosts = _sip_hosts(names.get_values_for_type(x509.UniformResourceIdentifier))
            # 7.1 step 1: a DNS name counts if and only if there is no identity of the "sip" URI type.
            identities = hosts or names.get_values_for_type(x509.DNSName)
            addresses.update(
                address.packed
                for address in names.get_values_for_type(x509.IPAddress)
                if isinstance(address, IPv4Address | IPv6Address)
            )
        addresses.update(packed for packed in map(_packed_address, hosts) if packed is not None)
        return cls(
            tuple(identities),
            frozenset(addresses),
            purposes,
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )

    def speaks_for(self, domain: str) -> bool:
        """Whether the certificate authenticates a peer as `domain`, the host part of a URI (RFC 5922 7.3)."""
        packed = _packed_address(domain)
        if packed is not None:
            return packed in self.addresses
        return any(same_domain(identity, domain) for identity in self.identities)

    def refusal(self, domain: str, wall: float, *, of_client: bool = False) -> str | None:
        """Why the certificate is refused as that of `domain` at `wall`, in one sentence; None when it is accepted.

        `of_client`: the peer opened the connection to us (RFC 5922 7.4).
        """
        reason = self._fault(domain, wall, of_client)
        return None if reason is None else f"the certificate of {_shown(domain)} is refused: {reason}"

    def _fault(self, domain: str, wall: float, of_client: bool) -> str | None:
        if wall < self.not_before:
            return f"it is valid only from {_date(self.not_before)} on; or the clock of this machine is wrong"
        if wall > self.not_after:
            return f"it expired on {_date(self.not_after)}; or the clock of this machine is wrong"
        if not self._is_usable(of_client):
            end = "client" if of_client else "server"
            return f"its extended key usage allows neither SIP nor a TLS {end} (RFC 5924 5)"
        if self.speaks_for(domain):
            return None
        held = self._held()
        if not held:
            return "it holds no SIP domain identity (RFC 5922 7.1)"
        if any(identity.startswith("*.") for identity in self.identities):
            return f"it is for {held}, and in SIP a wildcard stands for nothing (RFC 5922 7.2)"
        return f"it is for {held} (RFC 5922 7.2)"

    def _is_usable(self, of_client: bool) -> bool:
        if self.purposes is None:
            return True
        role = ExtendedKeyUsageOID.CLIENT_AUTH if of_client else ExtendedKeyUsageOID.SERVER_AUTH
        return not self.purposes.isdisjoint({SIP_DOMAIN_USAGE, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, role})

    def _held(self) -> str:
        names = list(self.identities)
        # The host of a sip URI may be an address: it is an identity already.
        written = {_packed_address(name) for name in names}
        names += sorted(str(ip_address(packed)) for packed in self.addresses if packed not in written)
        shown = [_shown(name) for name in names[:_MAX_SHOWN]]
        if len(names) > _MAX_SHOWN:
            shown.append(f"{len(names) - _MAX_SHOWN} more")
        return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def _sip_hosts(uris: Iterable[str]) -> list[str]:
    """The hosts of those URIs that are SIP domain identities (RFC 5922 7.1 step 1)."""
    hosts: list[str] = []
    for uri in uris:
        scheme, _, rest = uri.partition(":")
        # Not sips; and with a user part it is a user's certificate, not a domain's.
        if scheme.lower() != "sip" or "@" in rest:
            continue
        host = re.split(r"[;?]", rest, maxsplit=1)[0]
        if host.startswith("["):
            host = host[1:].partition("]")[0]
        else:
            host = host.partition(":")[0]
        if host:
            hosts.append(host)
    return hosts


def _common_names(certificate: x509.Certificate) -> list[str]:
    """The most specific common name, if it is a valid DNS name (RFC 5922 7.1 step 2)."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = names[-1].value if names else ""
    if isinstance(name, str) and _DNS_NAME.fullmatch(name) and _packed_address(name) is None:
        return [name]
    return []


def _dns_name(text: str) -> str | None:
    name = text.removesuffix(".")
    if not name or len(name) > _MAX_NAME:
        return None
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return name.lower()


def _packed_address(host: str) -> bytes | None:
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).packed
    except ValueError:
        return None


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _shown(text: str) -> str:
    """A stranger's text for one line of a log: nothing that a terminal would act on."""
    if text.isascii() and text.isprintable():
        return text
    return text.encode("unicode_escape").decode("ascii")
