"""Certificates for tests, made when they are needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

# What Python 3.13 asks of a root when it verifies strictly, as its default context does (RFC 5280 4.2.1.3).
_ISSUING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A root that issues certificates."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(_ISSUING, critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, file: Path) -> Path:
        """The root's own certificate as a PEM file."""
        file.write_bytes(self.pem)
        return file

    def issue(
        self,
        folder: Path,
        *names: str,
        days: tuple[float, float] = (-1, 10),
        self_signed: bool = False,
        with_rsa: bool = False,
    ) -> tuple[Path, Path]:
        """A certificate for DNS names and addresses, valid from and until so many days from now: (chain, key) files."""
        key = rsa.generate_private_key(65537, 2048) if with_rsa else ec.generate_private_key(ec.SECP256R1())
        issuer = key if self_signed else self.key
        now = datetime.now(UTC)
        alternatives: list[x509.GeneralName] = []
        for name in names:
            try:
                alternatives.append(x509.IPAddress(ip_address(name)))
            except ValueError:
                alternatives.append(x509.DNSName(name))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(names[0]))
            .issuer_name(_name(names[0]) if self_signed else self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
            .sign(issuer, hashes.SHA256())
        )
        chain, private = folder / f"{names[0]}.pem", folder / f"{names[0]}.key"
        chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + (b"" if self_signed else self.pem))
        private.write_bytes(self.private_pem(key))
        return chain, private

    def revoke(self, file: Path, *chains: Path, days: tuple[float, float] = (-2, 10)) -> Path:
        """A list of what has been revoked, issued and due for the next so many days from now, as a PEM file."""
        now = datetime.now(UTC)
        revoked = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now + timedelta(days=days[0]))
            .next_update(now + timedelta(days=days[1]))
        )
        for chain in chains:
            serial = x509.load_pem_x509_certificates(chain.read_bytes())[0].serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - timedelta(days=1))
            revoked = revoked.add_revoked_certificate(entry.build())
        file.write_bytes(revoked.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return file

    @staticmethod
    def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
        """A private key as PEM, encrypted when there is a password."""
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )
