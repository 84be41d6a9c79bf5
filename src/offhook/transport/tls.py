"""TLS: our own certificates, and whether a peer's speaks for its SIP domain (RFC 5922, RFC 3261 26.3.1)."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from offhook.errors import ConfigError, ParseError
from offhook.security.domain_cert import DomainCertificate, chain_refusal
from offhook.sip.host import is_ip_address

__all__ = [
    "TlsSettings",
    "client_context",
    "client_identities",
    "connect_failure",
    "handshake_failure",
    "own_refusal",
    "peer_refusal",
    "server_context",
    "server_name",
]

_LINE_OF_KEY: Final = "PRIVATE KEY-----"
_LINE_OF_CERTIFICATE: Final = "CERTIFICATE-----"
_LINE_OF_REVOCATIONS: Final = "-----BEGIN X509 CRL-----"
_CLOSED: Final = "UNEXPECTED_EOF_WHILE_READING"
_UNTRUSTED: Final = "the peer does not trust our certificate"
_FAILURES: Final = {
    _CLOSED: "the peer closed the connection; is it another port that speaks TLS?",
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS here",
    "RECORD_LAYER_FAILURE": "the peer does not speak TLS here",
    "PACKET_LENGTH_TOO_LONG": "the peer does not speak TLS here",
    "HTTP_REQUEST": "the peer speaks HTTP, without TLS",
    "UNSUPPORTED_PROTOCOL": "the peer knows no TLS version from 1.2 on",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer knows no TLS version from 1.2 on",
    "NO_SHARED_CIPHER": "the peer knows none of our ciphers",
    "TLSV1_ALERT_UNKNOWN_CA": _UNTRUSTED,
    "SSLV3_ALERT_BAD_CERTIFICATE": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _UNTRUSTED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the peer finds that our certificate has expired",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer showed no certificate, and one is required",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer requires a certificate of ours",
}
"""What OpenSSL's reasons mean to an operator."""
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:DHE+AES:!aNULL:!aDSS:!SHA1:!AESCCM"
"""For TLS 1.2: nothing that a key which leaks later would open. Distributions' Pythons differ in what they have."""


class TlsSettings:
    """What TLS of one listener is made of.

    `certificate`: a PEM file with our certificate and the chain up to, not including, its root; `key`: a PEM file with
    its private key, None when it is in the same file. `authorities`: a PEM file or a folder of certificates that peers
    are trusted by, None for the system's. `require_client_certificate`: whoever connects has to show one that these
    authorities vouch for. `verify` false takes any certificate of a server; it is for tests and laboratories.

    `revocations`: a PEM file of lists of revoked certificates (RFC 5280 5); every peer's issuer has to have a current
    one in it. `ciphers`: an OpenSSL list of ciphers for TLS 1.2, empty for those that are taken for safe today. They
    leave out TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA" there, which RFC 3261 26.2.1 has every element know: whoever
    gets hold of the key can read what was recorded before. Only peers of that time need it.

    `named`: further certificates and their keys. A client that asks for a SIP domain (SNI, RFC 6066 3) that one of them
    speaks for and `certificate` does not is shown that one.
    """

    __slots__ = (
        "authorities",
        "certificate",
        "ciphers",
        "key",
        "named",
        "require_client_certificate",
        "revocations",
        "verify",
    )

    def __init__(
        self,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        authorities: str | os.PathLike[str] | None = None,
        *,
        require_client_certificate: bool = False,
        verify: bool = True,
        revocations: str | os.PathLike[str] | None = None,
        ciphers: str = "",
        named: Sequence[tuple[str | os.PathLike[str], str | os.PathLike[str] | None]] = (),
    ) -> None:
        self.certificate = None if certificate is None else Path(certificate)
        self.key = None if key is None else Path(key)
        self.authorities = None if authorities is None else Path(authorities)
        self.require_client_certificate = require_client_certificate
        self.verify = verify
        self.revocations = None if revocations is None else Path(revocations)
        self.ciphers = ciphers
        self.named = tuple([(Path(chain), None if own is None else Path(own)) for chain, own in named])

    @property
    def certificates(self) -> tuple[Path, ...]:
        """The files of all certificates, the one for everybody first."""
        first = () if self.certificate is None else (self.certificate,)
        return (*first, *(chain for chain, _ in self.named))


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """What accepts connections. Raises ConfigError with one sentence about the file at fault.

    Most phones have no certificate, or one of their own making, so none is asked for unless one is required.
    """
    context = _accepting(settings, settings.certificate, settings.key)
    if not settings.named or settings.certificate is None:
        return context
    by_name = {name.lower().rstrip("."): context for name in _own(settings.certificate).identities}
    for chain, key in settings.named:
        other = _accepting(settings, chain, key)
        for name in _own(chain).identities:
            by_name.setdefault(name.lower().rstrip("."), other)

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = by_name.get((name or "").lower().rstrip("."), context)

    # Whom nothing is for sees the certificate for everybody, and decides (RFC 6066 3).
    context.sni_callback = choose
    return context


def _accepting(settings: TlsSettings, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_SERVER, settings, certificate, key)
    if settings.require_client_certificate:
        _trust(context, settings)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """What opens connections; it shows our certificate where the peer asks for one (RFC 5922 7.3). Raises ConfigError.

    The chain is verified here, the name by `peer_refusal`: TLS libraries do not know the rules of SIP.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, settings, settings.certificate, settings.key)
    context.check_hostname = False
    if settings.verify:
        _trust(context, settings)
        context.verify_mode = ssl.CERT_REQUIRED
    else:
        context.verify_mode = ssl.CERT_NONE
    return context


def server_name(domain: str) -> str:
    """The name to ask the server for (SNI, RFC 6066 3): the SIP domain; empty for a numeric host, and for a name that
    DNS cannot have (RFC 1035 2.3.4), which no certificate will speak for.
    """
    name = domain.rstrip(".")
    return "" if is_ip_address(name) or any(not 0 < len(label) < 64 for label in name.split(".")) else name


def peer_refusal(connection: ssl.SSLObject | ssl.SSLSocket, domain: str, wall: float) -> str | None:
    """Why a server's certificate does not speak for `domain` at second `wall`, in one sentence; None if it does."""
    der = connection.getpeercert(binary_form=True)
    if der is None:
        return f"{domain} showed no certificate"
    try:
        return DomainCertificate.parse(der).refusal(domain, wall)
    except ParseError as error:
        return f"the certificate of {domain} is refused: {error.reason}"


def client_identities(connection: ssl.SSLObject | ssl.SSLSocket) -> tuple[str, ...]:
    """The SIP domain identities of a client's certificate, whose chain has been verified (RFC 5922 7.4).

    None of them for one without a certificate, which is nobody that we know, and for a phone's own. Raises ParseError.
    """
    der = connection.getpeercert(binary_form=True)
    return () if der is None else DomainCertificate.parse(der).identities


def own_refusal(settings: TlsSettings, domain: str, wall: float) -> str | None:
    """Why peers that look for `domain` will refuse the certificate that they are shown; None if they will not.

    `wall`: when. `settings` have a certificate; raises ConfigError for a file that holds none.
    """
    owns = [_own(certificate) for certificate in settings.certificates]
    # Nobody asks for an address by SNI (RFC 6066 3).
    able = [] if is_ip_address(domain) else [own for own in owns if own.speaks_for(domain)]
    return (able or owns)[0].refusal(domain, wall)


def connect_failure(error: BaseException, peer: str) -> str:
    """One sentence about a handshake that we began with `peer` (a domain or an address) and that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return chain_refusal(error.verify_code, error.verify_message, peer)
    return f"no TLS with {peer}: {handshake_failure(error)}"


def handshake_failure(error: BaseException) -> str:
    """Why there is no TLS with a peer, as the end of a sentence."""
    if isinstance(error, ssl.SSLError):
        # Only errors of OpenSSL's own have a reason.
        reason = getattr(error, "reason", None) or str(error)
        return _FAILURES.get(reason, reason.replace("_", " ").lower())
    # An event loop aborts a handshake when its time is over; what it says then differs between loops.
    return "the handshake took too long" if isinstance(error, ConnectionAbortedError) else _FAILURES[_CLOSED]


def _own(certificate: Path) -> DomainCertificate:
    try:
        return DomainCertificate.parse(_readable_chain(certificate)[0].public_bytes(Encoding.DER))
    except ParseError as error:
        raise ConfigError(f"{certificate} cannot be used: {error.reason}") from error


def _context(protocol: int, settings: TlsSettings, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(settings.ciphers or _CIPHERS)
    except ssl.SSLError as error:
        raise ConfigError(f"{settings.ciphers!r} names no cipher that OpenSSL has here") from error
    if certificate is not None:
        _load_chain(context, certificate, key)
    return context


def _trust(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if settings.revocations is not None:
        _load_revocations(context, settings.revocations)
    where = settings.authorities
    if where is None:
        context.load_default_certs()
        return
    try:
        if where.is_dir():
            context.load_verify_locations(capath=where)
        else:
            context.load_verify_locations(cafile=where)
    except ssl.SSLError as error:
        raise ConfigError(f"{where} holds no PEM certificates to trust") from error
    except OSError as error:
        raise ConfigError(f"cannot read the trusted certificates in {where}: {error.strerror}") from error


def _load_revocations(context: ssl.SSLContext, file: Path) -> None:
    text = _text(file, "revocation lists")
    # OpenSSL would trust a certificate that stood beside them.
    if _LINE_OF_CERTIFICATE in text or _LINE_OF_REVOCATIONS not in text:
        raise ConfigError(f"{file} has to hold PEM revocation lists (X509 CRL), and nothing else")
    try:
        context.load_verify_locations(file)
    except ssl.SSLError as error:
        raise ConfigError(f"the revocation lists in {file} cannot be read") from error
    context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    _readable_chain(certificate)
    holder = certificate if key is None else key
    if _LINE_OF_KEY not in _text(holder, "private key"):
        mend = "name the file of the key too" if key is None else "it has to be PEM"
        raise ConfigError(f"{holder} holds no private key; {mend}")
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted as error:
        raise ConfigError(f"the private key in {holder} is encrypted; give one without a passphrase") from error
    except ssl.SSLError as error:
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
            raise ConfigError(
                f"the private key in {holder} does not belong to the certificate {certificate}"
            ) from error
        if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
            raise ConfigError(f"the certificate {certificate} is too weak: {error.reason}") from error
        raise ConfigError(f"cannot use the certificate {certificate} with its key in {holder}: {error}") from error


class _Encrypted(Exception):
    """A private key asked for a passphrase."""


def _no_password() -> NoReturn:
    raise _Encrypted


def _readable_chain(certificate: Path) -> list[x509.Certificate]:
    text = _text(certificate, "certificate")
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError as error:
        raise ConfigError(f"{certificate} is not a PEM certificate") from error


def _text(file: Path, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"cannot read the {what} {file}: {error.strerror}") from error
