"""Digest access authentication as SIP uses it: RFC 3261 22.4, RFC 8760 and the parts of RFC 7616 they refer to.

Everything here works on the parameters of a Digest header field value as a plain mapping: names in lower case,
values as text with the quotation marks and the backslashes of quoted-pairs undone. Whoever reads and writes the
header fields quotes them again.

Digests are taken over the values that were meant, not over their escaped writing: ``username="al\\"ice"`` hashes as
``al"ice``. RFC 7616 3.4.5 says no more than that the quotation marks go; this is how its users do it, and what a
stored HA1 needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hmac import compare_digest
from typing import Any, Final

from offhook.errors import ConfigError, ParseError

__all__ = [
    "ALGORITHMS",
    "AuthenticationInfo",
    "Challenge",
    "Credentials",
    "answer_challenge",
    "available_algorithms",
    "base_algorithm",
    "canonical_algorithm",
    "choose_challenges",
    "compute_ha1",
    "request_digest",
    "require_algorithms",
    "rspauth",
    "verify",
    "verify_rspauth",
]

ALGORITHMS: Final = ("SHA-512-256", "SHA-256", "MD5")
"""The hash algorithms of RFC 8760 2.1, strongest first. Each also has its ``-sess`` variant (RFC 7616 3.4.2)."""

# Each of its own where Python has it: looking it up by its name takes as long as the digest.
_HASHES: Final[dict[str, Callable[..., Any]]] = {
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": partial(hashlib.new, "sha512_256"),
}
_CANONICAL: Final[dict[str, str]] = {
    "md5": "MD5",
    "md5-sess": "MD5-sess",
    "sha-256": "SHA-256",
    "sha-256-sess": "SHA-256-sess",
    "sha-512-256": "SHA-512-256",
    "sha-512-256-sess": "SHA-512-256-sess",
}
_SESSION: Final = "-sess"
_QOPS: Final = ("auth", "auth-int")
_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")
_CLAUSE: Final = "RFC 7616 3.4"


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _hash(algorithm: str, data: bytes) -> str:
    # MD5 is asked for by the protocol, not chosen: a FIPS build must still compute it.
    digest: str = _HASHES[algorithm](data, usedforsecurity=False).hexdigest()
    return digest


def _is_computable(algorithm: str) -> bool:
    try:
        _hash(algorithm, b"")
    except ValueError:
        return False
    return True


_AVAILABLE: Final = tuple([name for name in ALGORITHMS if _is_computable(name)])


def canonical_algorithm(name: str) -> str | None:
    """The algorithm as its registry writes it, such as ``SHA-256-sess``; None for one that we do not know.

    Tokens compare without regard to case (RFC 3261 7.3.1).
    """
    return _CANONICAL.get(name.lower())


def base_algorithm(algorithm: str) -> str:
    """The algorithm by which HA1 is stored: `algorithm` without ``-sess``."""
    return algorithm.removesuffix(_SESSION)


def available_algorithms() -> tuple[str, ...]:
    """Those of `ALGORITHMS` that this Python can compute; SHA-512-256 comes from OpenSSL and may be missing."""
    return _AVAILABLE


def require_algorithms(names: Sequence[str]) -> tuple[str, ...]:
    """The names a user has configured, in canonical writing and in the user's order of preference.

    Raises ConfigError for an unknown name, for one that this Python's OpenSSL lacks, for a ``-sess`` variant (its
    stored form is the base algorithm's), for one named twice, and for an empty list.
    """
    if not names:
        raise ConfigError(f"no digest algorithm is named; give one or more of {', '.join(ALGORITHMS)}")
    found: list[str] = []
    for name in names:
        algorithm = canonical_algorithm(name)
        if algorithm is None or algorithm not in _HASHES:
            raise ConfigError(f"{name!r} is not a digest algorithm; use one of {', '.join(ALGORITHMS)}")
        if algorithm not in _AVAILABLE:
            raise ConfigError(f"this Python's OpenSSL does not offer {algorithm}; leave it out or use another OpenSSL")
        if algorithm in found:
            raise ConfigError(f"the digest algorithm {algorithm} is named twice")
        found.append(algorithm)
    return tuple(found)


class Challenge:
    """What a server asks for: the parameters of WWW-Authenticate or Proxy-Authenticate (RFC 7616 3.3).

    `algorithm` is canonical when we know it, otherwise as it was written. `qop` holds the offered values in lower
    case, empty when the parameter is missing (RFC 2069). `domain` holds URIs. `opaque` is None when missing, which
    differs from an empty one.
    """

    __slots__ = ("algorithm", "domain", "nonce", "opaque", "qop", "realm", "stale")

    def __init__(
        self,
        realm: str,
        nonce: str,
        algorithm: str = "MD5",
        qop: tuple[str, ...] = ("auth",),
        opaque: str | None = None,
        stale: bool = False,
        domain: tuple[str, ...] = (),
    ) -> None:
        self.realm = realm
        self.nonce = nonce
        self.algorithm = algorithm
        self.qop = qop
        self.opaque = opaque
        self.stale = stale
        self.domain = domain

    @classmethod
    def parse(cls, parameters: Mapping[str, str], header: str = "WWW-Authenticate") -> Challenge:
        """Read the parameters of one challenge. Raises ParseError when realm or nonce is missing."""
        offered = parameters.get("qop", "").lower().split(",")
        return cls(
            _required(parameters, "realm", header),
            _required(parameters, "nonce", header),
            _algorithm(parameters),
            tuple([value.strip() for value in offered if value.strip()]),
            parameters.get("opaque"),
            parameters.get("stale", "").lower() == "true",
            tuple(parameters.get("domain", "").split()),
        )

    def parameters(self) -> dict[str, str]:
        """The parameters in the order in which they are sent."""
        values = {"realm": self.realm, "nonce": self.nonce}
        if self.domain:
            values["domain"] = " ".join(self.domain)
        if self.opaque is not None:
            values["opaque"] = self.opaque
        if self.stale:
            values["stale"] = "true"
        values["algorithm"] = self.algorithm
        if self.qop:
            values["qop"] = ",".join(self.qop)
        return values

    @property
    def understood(self) -> bool:
        """Whether we can answer it. One that we cannot is ignored (RFC 8760 2.4)."""
        if base_algorithm(self.algorithm) not in _AVAILABLE:
            return False
        return not self.qop or self.answering_qop is not None

    @property
    def answering_qop(self) -> str | None:
        """The qop for an answer: `auth` before `auth-int`, because a proxy on the way may change bodies.

        None answers in the manner of RFC 2069. That is for servers which ask for MD5 and offer no qop (RFC 3261 22.4
        item 8); without a qop for a newer algorithm the default holds, which is auth (RFC 8760 2.6 item 8).
        """
        for value in _QOPS:
            if value in self.qop:
                return value
        return None if self.qop or self.algorithm == "MD5" else "auth"


class Credentials:
    """What a client answers: the parameters of Authorization or Proxy-Authorization (RFC 7616 3.4).

    `nc` is the nonce-count as it was written, eight hexadecimal digits. `cnonce`, `qop` and `nc` are None in the
    manner of RFC 2069. Before its first challenge a client may send an empty nonce and response (RFC 8760 2.7).
    """

    __slots__ = ("algorithm", "cnonce", "nc", "nonce", "opaque", "qop", "realm", "response", "uri", "username")

    def __init__(
        self,
        username: str,
        realm: str,
        nonce: str,
        uri: str,
        response: str = "",
        algorithm: str = "MD5",
        cnonce: str | None = None,
        opaque: str | None = None,
        qop: str | None = None,
        nc: str | None = None,
    ) -> None:
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.cnonce = cnonce
        self.opaque = opaque
        self.qop = qop
        self.nc = nc

    @classmethod
    def parse(cls, parameters: Mapping[str, str], header: str = "Authorization") -> Credentials:
        """Read the parameters of one set of credentials.

        Raises ParseError, status 400, when a required parameter is missing or a value is not one of its grammar
        (RFC 2617 3.2.2). An algorithm that we do not know is kept: it fails to verify and earns a new challenge.
        """
        algorithm = _algorithm(parameters)
        cnonce = parameters.get("cnonce")
        qop = parameters.get("qop")
        nc = parameters.get("nc")
        if nc is not None and (len(nc) != 8 or not _HEX_DIGITS.issuperset(nc)):
            raise ParseError("nc is not eight hexadecimal digits", header=header, clause=_CLAUSE)
        if qop is not None:
            if qop.lower() not in _QOPS:
                raise ParseError(f"qop {qop!r} is neither auth nor auth-int", header=header, clause=_CLAUSE)
            if cnonce is None or nc is None:
                raise ParseError("qop without cnonce and nc", header=header, clause=_CLAUSE)
        elif cnonce is None and algorithm.endswith(_SESSION):
            # RFC 3261 22.4 item 8: what depends on the cnonce needs it sent.
            raise ParseError(f"{algorithm} without cnonce", header=header, clause="RFC 3261 22.4")
        return cls(
            _required(parameters, "username", header),
            _required(parameters, "realm", header),
            _required(parameters, "nonce", header),
            _required(parameters, "uri", header),
            _required(parameters, "response", header),
            algorithm,
            cnonce,
            parameters.get("opaque"),
            qop,
            nc,
        )

    def parameters(self) -> dict[str, str]:
        """The parameters in the order in which they are sent."""
        values = {
            "username": self.username,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "response": self.response,
            "algorithm": self.algorithm,
        }
        if self.cnonce is not None:
            values["cnonce"] = self.cnonce
        if self.opaque is not None:
            values["opaque"] = self.opaque
        if self.qop is not None:
            values["qop"] = self.qop
        if self.nc is not None:
            values["nc"] = self.nc
        return values

    @property
    def nonce_count(self) -> int:
        """How often the client says it has used the nonce; 0 without a qop."""
        return 0 if self.nc is None else int(self.nc, 16)


class AuthenticationInfo:
    """What a server adds to a success: the parameters of Authentication-Info (RFC 7616 3.5)."""

    __slots__ = ("cnonce", "nc", "nextnonce", "qop", "rspauth")

    def __init__(
        self,
        nextnonce: str | None = None,
        qop: str | None = None,
        rspauth: str | None = None,
        cnonce: str | None = None,
        nc: str | None = None,
    ) -> None:
        self.nextnonce = nextnonce
        self.qop = qop
        self.rspauth = rspauth
        self.cnonce = cnonce
        self.nc = nc

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> AuthenticationInfo:
        """Read the parameters; all of them are optional and none has a wrong value that matters here."""
        return cls(
            parameters.get("nextnonce"),
            parameters.get("qop"),
            parameters.get("rspauth"),
            parameters.get("cnonce"),
            parameters.get("nc"),
        )

    @classmethod
    def proving(
        cls, credentials: Credentials, ha1: str, body: bytes = b"", nextnonce: str | None = None
    ) -> AuthenticationInfo:
        """The header that proves to the sender of `credentials` that we know its secret too.

        `body` is that of the response. cnonce and nc are those of the request.
        """
        proof = rspauth(credentials, ha1, body)
        return cls(nextnonce, credentials.qop, proof, credentials.cnonce, credentials.nc)

    def parameters(self) -> dict[str, str]:
        """The parameters in the order in which they are sent."""
        values: dict[str, str] = {}
        if self.nextnonce is not None:
            values["nextnonce"] = self.nextnonce
        if self.qop is not None:
            values["qop"] = self.qop
        if self.rspauth is not None:
            values["rspauth"] = self.rspauth
        if self.cnonce is not None:
            values["cnonce"] = self.cnonce
        if self.nc is not None:
            values["nc"] = self.nc
        return values


def _required(parameters: Mapping[str, str], name: str, header: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise ParseError(f"Digest without {name}", header=header, clause=_CLAUSE)
    return value


def _algorithm(parameters: Mapping[str, str]) -> str:
    written = parameters.get("algorithm", "MD5")
    return canonical_algorithm(written) or written


def compute_ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(A1) without a session, in hexadecimal: what is stored instead of a password (RFC 7616 3.4.2).

    `algorithm` is one of `available_algorithms` or its ``-sess`` variant, for which HA1 is the same.
    """
    return _hash(base_algorithm(algorithm), _octets(f"{username}:{realm}:{password}"))


def request_digest(credentials: Credentials, ha1: str, method: str, body: bytes = b"") -> str:
    """The response that `credentials` should carry, in hexadecimal (RFC 7616 3.4.1 to 3.4.3).

    `ha1` is what `compute_ha1` gave for the credentials' algorithm; `body` counts for auth-int only. The hash of a
    missing body is that of the empty string (RFC 3261 22.4 item 7).
    """
    algorithm = base_algorithm(credentials.algorithm)
    cnonce = credentials.cnonce or ""
    if credentials.algorithm.endswith(_SESSION):
        ha1 = _hash(algorithm, _octets(f"{ha1}:{credentials.nonce}:{cnonce}"))
    a2 = f"{method}:{credentials.uri}"
    qop = credentials.qop
    if qop is None:
        # RFC 2069, which RFC 3261 22.4 keeps in use.
        return _hash(algorithm, _octets(f"{ha1}:{credentials.nonce}:{_hash(algorithm, _octets(a2))}"))
    if qop.lower() == "auth-int":
        a2 = f"{a2}:{_hash(algorithm, body)}"
    ha2 = _hash(algorithm, _octets(a2))
    return _hash(algorithm, _octets(f"{ha1}:{credentials.nonce}:{credentials.nc or ''}:{cnonce}:{qop}:{ha2}"))


def verify(credentials: Credentials, ha1: str, method: str, body: bytes = b"") -> bool:
    """Whether the sender of `credentials` knows the secret behind `ha1`; takes the same time for any answer.

    It says nothing about the nonce, the realm, or whether the algorithm is one that was offered: the caller looks
    those up first. Nor does it compare `credentials.uri` with the Request-URI, which a proxy on the way may have
    changed (RFC 8760 2.6 item 6); the caller checks that it serves that URI.
    """
    if base_algorithm(credentials.algorithm) not in _AVAILABLE:
        return False
    return compare_digest(_octets(request_digest(credentials, ha1, method, body)), _octets(credentials.response))


def rspauth(credentials: Credentials, ha1: str, body: bytes = b"") -> str:
    """The digest by which a server proves that it knows the secret (RFC 7616 3.5); `body` is the response's."""
    return request_digest(credentials, ha1, "", body)


def verify_rspauth(info: AuthenticationInfo, credentials: Credentials, ha1: str, body: bytes = b"") -> bool:
    """Whether `info` proves that the server knows the secret with which `credentials` were made.

    False also when it carries no proof. That it answers this request needs no look at its cnonce and nc: those of
    `credentials` are in the digest.
    """
    if info.rspauth is None:
        return False
    return compare_digest(_octets(rspauth(credentials, ha1, body)), _octets(info.rspauth))


def choose_challenges(challenges: Sequence[Challenge]) -> list[Challenge]:
    """The challenges to answer: for each realm the topmost that we understand (RFC 8760 2.4).

    A server puts its most preferred algorithm on top (2.3). The order of the realms is kept.
    """
    chosen: dict[str, Challenge] = {}
    for challenge in challenges:
        if challenge.understood and challenge.realm not in chosen:
            chosen[challenge.realm] = challenge
    return list(chosen.values())


def answer_challenge(
    challenge: Challenge,
    username: str,
    ha1: str,
    method: str,
    uri: str,
    cnonce: str,
    nonce_count: int = 1,
    body: bytes = b"",
) -> Credentials:
    """The credentials that answer an understood `challenge`.

    `ha1` is `compute_ha1` of the challenge's algorithm and realm. `uri` is the Request-URI as it is sent.
    `nonce_count` says how many answers have been given to this nonce, with this one.
    """
    qop = challenge.answering_qop
    credentials = Credentials(
        username, challenge.realm, challenge.nonce, uri, "", challenge.algorithm, None, challenge.opaque, qop
    )
    if qop is not None:
        # RFC 3261 22.4 item 8: no cnonce without a qop.
        credentials.cnonce = cnonce
        credentials.nc = f"{nonce_count:08x}"
    credentials.response = request_digest(credentials, ha1, method, body)
    return credentials
