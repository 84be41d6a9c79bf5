"""The hosts file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from offhook.transport.hosts import HostsFile


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    file = tmp_path / "hosts"
    file.write_text(
        "# comment\n192.0.2.1  pbx.example.com pbx # trailing\n2001:DB8:0::1\tPBX.example.com\n"
        "fe80::1%lo0 zoned\nnot-an-address broken\n192.0.2.2\n192.0.2.1 pbx\n\xff\xfe\n",
        encoding="latin-1",
    )
    return file


def test_names_give_their_addresses_in_order(hosts: Path) -> None:
    file = HostsFile(hosts)
    assert file.addresses("pbx.example.com") == ["192.0.2.1", "2001:db8::1"]
    assert file.addresses("PBX") == ["192.0.2.1"]
    assert file.addresses("pbx.example.com.") == ["192.0.2.1", "2001:db8::1"]
    for name in ("zoned", "broken", "example.com", ""):
        assert file.addresses(name) == []


def test_a_change_is_seen_at_once(hosts: Path) -> None:
    file = HostsFile(hosts)
    assert file.addresses("new") == []
    hosts.write_text("192.0.2.9 new\n")
    os.utime(hosts, ns=(1, 1))
    assert file.addresses("new") == ["192.0.2.9"]
    assert file.addresses("pbx") == []
    hosts.unlink()
    assert file.addresses("new") == []


@pytest.mark.rfc("6761 6.3")
def test_localhost_works_without_a_file(tmp_path: Path) -> None:
    file = HostsFile(tmp_path / "none")
    assert file.addresses("localhost") == ["127.0.0.1", "::1"]
    assert file.addresses("sip.LOCALHOST.") == ["127.0.0.1", "::1"]
    assert file.addresses("notlocalhost") == []


def test_localhost_of_the_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("127.0.0.2 localhost\n::1 localhost\n")
    assert HostsFile(tmp_path / "hosts").addresses("localhost") == ["127.0.0.2", "::1", "127.0.0.1"]


def test_the_machines_own_file_is_the_default() -> None:
    assert "127.0.0.1" in HostsFile().addresses("localhost")
