"""The certificates of the admission webhooks: an own authority and what it issues, as a Secret stores them, and when they are renewed.

A new authority issues nothing at once, so that it can be trusted first, and an old one is kept until nothing issued by it can be in use.
Pure but for the random numbers of keys. Feeds `secret`, which stores them, and `server`.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from echorator.errors import InvalidRequestError
from echorator.kube.api.resources import Object

AUTHORITY_LIFE, SERVING_LIFE = timedelta(days=365), timedelta(days=90)
SKEW = timedelta(hours=1)  # between the clocks of a cluster's machines
_CA, _CA_KEY, _CERTIFICATE, _KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


class DamagedError(InvalidRequestError):
    """The Secret does not contain what was stored there."""


@dataclass(frozen=True)
class Credentials:
    """The certificates and keys of the webhooks.

    `authorities` are sorted newest first, and all of them are to be trusted; `authority_key` is the key of the first.
    """

    authorities: tuple[x509.Certificate, ...]
    authority_key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def bundle(self) -> bytes:
        """The certificates of all authorities in PEM, for a caBundle."""
        return b"".join(map(_pem, self.authorities))

    @property
    def chain(self) -> bytes:
        """The server's key and certificate in PEM."""
        return _key_pem(self.key) + _pem(self.certificate)

    @property
    def data(self) -> dict[str, str]:
        """The `data` of the Secret, in base64."""
        parts = {
            _CA: self.bundle,
            _CA_KEY: _key_pem(self.authority_key),
            _CERTIFICATE: _pem(self.certificate),
            _KEY: _key_pem(self.key),
        }
        return {name: base64.b64encode(part).decode() for name, part in parts.items()}


def hosts_of(service: str, namespace: str) -> tuple[str, ...]:
    """Return the names by which the API server calls a Service."""
    return (f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local")


def issued(hosts: tuple[str, ...], now: datetime) -> Credentials:
    """Issue new certificates of a new authority; `hosts` are names and addresses."""
    authority, authority_key = _authority(now)
    certificate, key = _serving(authority, authority_key, hosts, now)
    return Credentials((authority,), authority_key, certificate, key)


def renewed(held: Credentials, hosts: tuple[str, ...], now: datetime) -> Credentials:
    """Return the credentials with those certificates renewed that are due; the same object if none is.

    While the serving certificate is valid, a new authority does not issue another one at once: the next call does.
    """
    if not _valid(held.authorities[0], now):
        return issued(hosts, now)
    usable = _valid(held.certificate, now) and _hosts(held.certificate) == set(hosts)
    if _due(held.authorities[0], now):
        authority, key = _authority(now)
        held = replace(held, authorities=(authority, *held.authorities), authority_key=key)
        if usable:
            return held
    if not usable or _due(held.certificate, now):
        certificate, key = _serving(held.authorities[0], held.authority_key, hosts, now)
        held = replace(held, certificate=certificate, key=key)
    ages = zip(held.authorities, held.authorities[1:], strict=False)
    older = tuple(old for newer, old in ages if now < newer.not_valid_before_utc + SKEW + SERVING_LIFE)
    if len(older) + 1 < len(held.authorities):
        held = replace(held, authorities=(held.authorities[0], *older))
    return held


def read(secret: Object) -> Credentials:
    """Return the credentials in a Secret. Raises DamagedError."""
    try:
        data = secret.get("data") or {}
        parts = {name: base64.b64decode(data[name], validate=True) for name in (_CA, _CA_KEY, _CERTIFICATE, _KEY)}
        authorities = tuple(x509.load_pem_x509_certificates(parts[_CA]))
        certificate = x509.load_pem_x509_certificate(parts[_CERTIFICATE])
        authority_key, key = (_private(parts[name]) for name in (_CA_KEY, _KEY))
        if authority_key.public_key() != authorities[0].public_key() or key.public_key() != certificate.public_key():
            raise DamagedError("a key is of another certificate")
        if not any(_issued_by(authority, certificate) for authority in authorities):
            raise DamagedError("tls.crt is of an authority that is not in ca.crt")
        _hosts(certificate)
    except KeyError as error:
        raise DamagedError(f"there is no {error.args[0]}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise DamagedError(str(error) or type(error).__name__) from error
    return Credentials(authorities, authority_key, certificate, key)


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DamagedError("a key is of another kind")
    return key


def _issued_by(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _due(certificate: x509.Certificate, now: datetime) -> bool:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return end - now < (end - begin) / 3


def _hosts(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def _authority(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("echorator webhook authority")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = _builder(name, key.public_key(), name, key.public_key(), now, now + AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(True, 0), True).add_extension(usage, True)
    return builder.sign(key, hashes.SHA256()), key


def _serving(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...], now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + SERVING_LIFE, authority.not_valid_after_utc)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = _builder(_name("echorator webhook"), key.public_key(), authority.subject, authority_key.public_key(), now, end)
    builder = (
        builder.add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(usage, True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), False)
    )
    return builder.sign(authority_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_public: ec.EllipticCurvePublicKey,
    now: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
