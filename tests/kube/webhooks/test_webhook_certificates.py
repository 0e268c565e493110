"""Certificates of the webhooks over years that pass at once: what is issued and renewed when, and what of a Secret is not taken."""

from __future__ import annotations

import pytest
from cryptography import x509

from echorator.kube.webhooks.certificates import AUTHORITY_LIFE, SERVING_LIFE, DamagedError, hosts_of, issued, read, renewed
from tests.kube.webhooks.damaged_certificates import DAMAGED, HOSTS, NOW, days


def test_what_is_issued() -> None:
    made = issued((*hosts_of("s", "n"), "127.0.0.1"), NOW)
    (authority,) = made.authorities
    made.certificate.verify_directly_issued_by(authority)
    names = made.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["s.n.svc", "s.n.svc.cluster.local"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert authority.not_valid_after_utc - NOW == AUTHORITY_LIFE
    assert made.certificate.not_valid_after_utc - NOW == SERVING_LIFE
    assert read({"data": made.data}).data == made.data


def test_a_serving_certificate_is_renewed_in_time() -> None:
    made = issued(HOSTS, NOW)
    assert renewed(made, HOSTS, NOW + days(59)) is made
    later = renewed(made, HOSTS, NOW + days(61))
    assert later.authorities == made.authorities
    assert later.certificate.not_valid_after_utc == NOW + days(61) + SERVING_LIFE
    assert renewed(made, ("other",), NOW).certificate != made.certificate, "of other hosts"
    assert renewed(made, HOSTS, NOW + days(100)).authorities == made.authorities, "expired"


def test_a_new_authority_is_trusted_before_it_issues_and_the_old_one_long_enough() -> None:
    made = issued(HOSTS, NOW)
    used = renewed(made, HOSTS, NOW + days(200))
    both = renewed(used, HOSTS, NOW + days(245))
    assert both.authorities[1:] == made.authorities
    assert both.certificate == used.certificate
    moved = renewed(both, HOSTS, NOW + days(261))
    moved.certificate.verify_directly_issued_by(both.authorities[0])
    assert moved.authorities == both.authorities
    assert renewed(moved, HOSTS, NOW + days(245 + 89)).authorities == both.authorities[:1] + made.authorities
    alone = renewed(moved, HOSTS, NOW + days(245 + 91))
    assert alone.authorities == both.authorities[:1]
    at_once = renewed(made, HOSTS, NOW + days(300))
    assert len(at_once.authorities) == 2
    at_once.certificate.verify_directly_issued_by(at_once.authorities[0])
    assert len(renewed(made, HOSTS, NOW + days(400)).authorities) == 1, "nothing of what is held is valid any more"


def test_years_of_looks_never_leave_a_gap() -> None:
    """What a replica serves with that has not looked yet is trusted, and what one that has looked serves with was trusted before."""
    held = issued(HOSTS, NOW)
    for day in range(1500):
        now = NOW + days(day)
        after = renewed(held, HOSTS, now)
        assert held.certificate.not_valid_after_utc > now
        for served, trusted in ((held, after), (after, held)):
            assert any(_issued(authority, served.certificate) for authority in trusted.authorities)
        assert len(after.authorities) <= 2
        held = after


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    return identifier == x509.SubjectKeyIdentifier.from_public_key(authority.public_key()).digest


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_damaged_is_seen(damage: str) -> None:
    with pytest.raises(DamagedError):
        read({"data": DAMAGED[damage](issued(HOSTS, NOW).data)})
