from __future__ import annotations

from offhook.media.rtp.source_table import MAX_SOURCES, SourceTable


def test_members_and_senders_are_counted_when_they_are_valid() -> None:
    table = SourceTable()
    for ssrc in (1, 2, 3):
        assert table.claim(ssrc) is not None
    one, two = table.claim(1), table.claim(2)
    assert one is not None
    assert two is not None
    one.validated = two.validated = True
    one.last_rtp = 10.0
    two.last_rtcp = 10.0
    assert table.members() == 2
    assert table.senders(since=9.0) == 1
    assert table.senders(since=11.0) == 0
    assert {source.ssrc for source in table} == {1, 2, 3}


def test_silent_sources_are_forgotten() -> None:
    table = SourceTable()
    for ssrc, heard in ((1, 10.0), (2, 50.0)):
        source = table.claim(ssrc)
        assert source is not None
        source.last_rtp = heard
    table.forget_silent(since=25.0)
    assert 1 not in table
    assert 2 in table
    assert table.get(1) is None


def test_strangers_do_not_fill_the_table() -> None:
    table = SourceTable()
    peer = table.claim(0)
    assert peer is not None
    peer.validated = True
    for ssrc in range(1, 1000):
        assert table.claim(ssrc) is not None
    assert len(list(table)) == MAX_SOURCES
    assert table.get(0) is peer


def test_a_table_full_of_valid_sources_takes_no_more() -> None:
    table = SourceTable()
    for ssrc in range(MAX_SOURCES):
        source = table.claim(ssrc)
        assert source is not None
        source.validated = True
    assert table.claim(999) is None
    assert table.remove(3)
    assert not table.remove(3)
    assert table.claim(999) is not None
