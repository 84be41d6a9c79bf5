"""Every race at a proxy with one branch: CANCEL, 2xx, silence, a dead network, repetitions, BYE, re-INVITE, two by two.

Read a row so: in the state `from` (C: the INVITE is out and nothing came back; R: the callee rings; T: it has answered,
and the ACK went by) comes `first`, and 1 ms later `second`, when nobody can have heard of the first yet: it takes 5 ms
to both ends. `the proxy sends`: to the caller (a) and to the callee (1), each message once, with a + if it goes more
than once; 100s come before. Behind a slash is what follows from 10 s later on, when the caller ends what still stands.

- CANCEL: the caller's comes.
- 200: the callee's 2xx comes; the second is that of another phone behind it, #2.
- TIMEOUT: first, Timer B is over in C, Timer C in R; second, nothing of the callee comes any more, and nothing reaches
  it.
- FAILURE: the network says that the callee cannot be reached.
- AGAIN: what came last from the caller and what came last from the callee come once more.
- BYE: the caller's comes, which may be early (15); the second is the callee's.
- INVITE: the callee's re-INVITE comes; the second is the caller's.

Both ends are puppets, which do what RFC 3261 says: a caller that has cancelled sends ACK and BYE for a 2xx, and so it
does for the second of two.
"""

from __future__ import annotations

import pytest

from tests.races.proxied import EVENTS, ProxyWorld, contexts_left
from tests.races.table import Row, pairs_of, rows_of

TABLE = """
first   | second  |from| the proxy sends                                                                       || because
CANCEL  | 200     | R | a: 200 CANCEL, 200, 200 BYE; 1: CANCEL, ACK, BYE                                       || 16.10, 16.7 step 5: a 2xx always
CANCEL  | TIMEOUT | R | a: 200 CANCEL, 487+; 1: CANCEL+                                                        || 9.1: after 64*T1, at the caller a little before
CANCEL  | FAILURE | C | a: 200 CANCEL, 487                                                                     || 16.9; 9.2: no answer but that
CANCEL  | FAILURE | R | a: 200 CANCEL, 487; 1: CANCEL, ACK                                                     || 17.1.4 ends the CANCEL's transaction only
CANCEL  | AGAIN   | R | a: 200 CANCEL+, 180+, 487; 1: CANCEL, ACK                                              || 17.2.2, 16.7 step 5
CANCEL  | BYE     | R | a: 200 CANCEL, 487, 200 BYE; 1: CANCEL, BYE, ACK                                       || 16.10; the BYE is a request of its own
200     | CANCEL  | R | a: 200, 200 CANCEL, 200 BYE; 1: ACK, BYE                                               || 16.10, 9.2: no effect after a final response
200     | 200     | R | a: 200, 200#2, 200 BYE#2 / 200 BYE; 1: ACK, ACK#2, BYE#2 / BYE                         || 16.7 step 5: every 2xx
200     | TIMEOUT | R | a: 200; 1: ACK                                                                         || the ends find out by themselves
200     | FAILURE | R | a: 200 / 200 BYE; 1: ACK / BYE                                                         || RFC 6026 8.4: Accepted stays
200     | AGAIN   | R | a: 200+ / 200 BYE; 1: ACK+ / BYE                                                       || RFC 6026 7.1, 16.7 step 5
200     | BYE     | R | a: 200, 200 BYE; 1: BYE, ACK                                                           || RFC 5407 3.1.3
200     | INVITE  | R | a: 200, re-INVITE, re-ACK / 200 BYE; 1: ACK, 200 re-INVITE / BYE                       || each in its order
TIMEOUT | CANCEL  | C | a: 408, 200 CANCEL                                                                     || 16.7 step 6, 9.2
TIMEOUT | CANCEL  | R | a: 200 CANCEL, 487; 1: CANCEL, ACK                                                     || 16.8, 16.10: one CANCEL (9.1)
TIMEOUT | 200     | C | a: 408 / BYE; 1: / 481 BYE                                                             || RFC 6026 7.3: a 2xx for nothing is dropped
TIMEOUT | 200     | R | a: 200 / 200 BYE; 1: CANCEL, ACK / BYE                                                 || 16.8, 16.7 step 5
TIMEOUT | TIMEOUT | C | a: 408                                                                                 || 16.7 step 6
TIMEOUT | TIMEOUT | R | a: 408; 1: CANCEL+                                                                     || 16.8, 9.1
TIMEOUT | FAILURE | C | a: 408                                                                                 || 16.7 step 6
TIMEOUT | FAILURE | R | a: 487; 1: CANCEL, ACK                                                                 || 16.8, 17.1.4
TIMEOUT | AGAIN   | C | a: 408+                                                                                || 17.2.1: the INVITE again
TIMEOUT | AGAIN   | R | a: 180+, 487; 1: CANCEL, ACK                                                           || 16.8, 17.2.1
TIMEOUT | BYE     | R | a: 487, 200 BYE; 1: CANCEL, BYE, ACK                                                   || 16.8; the BYE is a request of its own
FAILURE | CANCEL  | C | a: 500, 200 CANCEL                                                                     || 16.9, 16.7 step 6: a 503 goes up as 500; 9.2
FAILURE | CANCEL  | R | a: 200 CANCEL, 487; 1: CANCEL, ACK                                                     || figure 5: nothing is sent in Proceeding
FAILURE | 200     | C | a: 500 / BYE; 1: / 481 BYE                                                             || 16.9, RFC 6026 7.3
FAILURE | 200     | R | a: 200 / 200 BYE; 1: ACK / BYE                                                         || figure 5
FAILURE | TIMEOUT | C | a: 500                                                                                 || 16.9
FAILURE | TIMEOUT | R | a: 408; 1: CANCEL+                                                                     || Timer C: 16.8, 9.1
FAILURE | FAILURE | C | a: 500                                                                                 || 16.9
FAILURE | FAILURE | R | a: / 200 CANCEL, 487; 1: / CANCEL, ACK                                                 || figure 5
FAILURE | AGAIN   | C | a: 500+                                                                                || 17.2.1
FAILURE | AGAIN   | R | a: 180+ / 200 CANCEL, 487; 1: / CANCEL, ACK                                            || 17.2.1
FAILURE | BYE     | R | a: 200 BYE, 487; 1: BYE, ACK                                                           || 15.1.2 at the callee
FAILURE | BYE     | T | a: 200 BYE; 1: BYE                                                                     || nothing was under way
FAILURE | INVITE  | T | a: re-INVITE, re-ACK / 200 BYE; 1: 200 re-INVITE / BYE                                 || nothing was under way
AGAIN   | CANCEL  | R | a: 180+, 200 CANCEL, 487; 1: CANCEL, ACK                                               || 17.2.1, 16.10
AGAIN   | 200     | R | a: 180+, 200 / 200 BYE; 1: ACK / BYE                                                   || 17.2.1, 16.7 step 5
AGAIN   | TIMEOUT | C | a: 100+, 408; 1: INVITE+                                                               || 17.2.1, Timer B
AGAIN   | TIMEOUT | R | a: 180+, 408; 1: CANCEL+                                                               || 17.2.1, 16.8, 9.1
AGAIN   | FAILURE | C | a: 100+, 500                                                                           || 17.2.1, 16.9
AGAIN   | FAILURE | R | a: 180+ / 200 CANCEL, 487; 1: / CANCEL, ACK                                            || 17.2.1, figure 5
AGAIN   | AGAIN   | R | a: 180+ / 200 CANCEL, 487; 1: / CANCEL, ACK                                            || 17.2.1
AGAIN   | AGAIN   | T | a: 200+ / 200 BYE; 1: ACK+ / BYE                                                       || 16.7 step 5; an ACK is passed on each time
AGAIN   | BYE     | T | a: 200+, 200 BYE; 1: ACK+, BYE                                                         || 16.7 step 5
AGAIN   | INVITE  | T | a: 200+, re-INVITE, re-ACK / 200 BYE; 1: ACK+, 200 re-INVITE / BYE                     || 16.7 step 5
BYE     | CANCEL  | R | a: 200 CANCEL, 200 BYE, 487; 1: BYE, CANCEL, ACK                                       || 16.10; the callee got the BYE first
BYE     | 200     | R | a: 200, 200 BYE; 1: BYE, ACK                                                           || RFC 5407 3.1.3
BYE     | TIMEOUT | T | a: 100 BYE+; 1: BYE+                                                                   || RFC 4320 4.1 and 4.2: a 100, and no 408
BYE     | FAILURE | T | a: 500 BYE; 1: BYE                                                                     || 16.9, 16.7 step 6
BYE     | AGAIN   | T | a: 200+, 200 BYE; 1: BYE, ACK+                                                         || 17.2.2: absorbed; 16.7 step 5
BYE     | BYE     | T | a: BYE, 200 BYE; 1: BYE, 200 BYE                                                       || RFC 5407 3.2.1
BYE     | INVITE  | T | a: re-INVITE, 200 BYE, re-ACK; 1: BYE, 481 re-INVITE                                   || RFC 5407 3.2.2
INVITE  | 200     | T | a: re-INVITE, 200#2, re-ACK, 200 BYE#2 / 200 BYE; 1: 200 re-INVITE, ACK#2, BYE#2 / BYE || 16.7 step 5: every 2xx
INVITE  | TIMEOUT | T | a: re-INVITE, 100 BYE+; 1: 200 re-INVITE+, BYE+                                        || 13.3.1.4 at the caller, RFC 4320 4.1
INVITE  | FAILURE | T | a: re-INVITE, re-ACK / 200 BYE; 1: 200 re-INVITE / BYE                                 || figure 7: Proceeding stays
INVITE  | AGAIN   | T | a: re-INVITE, re-ACK / 200 BYE; 1: ACK+, 200 re-INVITE / BYE                           || 17.2.1: absorbed without a response
INVITE  | BYE     | T | a: re-INVITE, re-ACK, 200 BYE; 1: BYE, 481 re-INVITE                                   || RFC 5407 3.2.2
INVITE  | INVITE  | T | a: re-INVITE, re-ACK, 491 re-INVITE / 200 BYE; 1: re-INVITE, 491 re-INVITE, re-ACK / BYE || RFC 5407 3.3.1
"""

NEVER = """
CANCEL          | CANCEL  | it has the INVITE's branch, so that a second one is the first again (9.1)
CANCEL          | INVITE  | a re-INVITE needs the dialog that the 2xx confirms (14)
TIMEOUT         | INVITE  | no timer of a proxy runs in a confirmed dialog, and without one there is no re-INVITE (14)
INVITE          | CANCEL  | the INVITE has its final response, and a re-INVITE is answered at once (9.1)
"""

ROWS = rows_of(TABLE)


def test_every_ordered_pair_is_in_the_table_or_cannot_be() -> None:
    shown = {(row.first, row.second) for row in ROWS}
    never = pairs_of(NEVER, EVENTS)
    assert not shown & never
    assert shown | never == {(one, other) for one in EVENTS for other in EVENTS}


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_a_race_ends_as_the_table_says(row: Row) -> None:
    world = ProxyWorld(1)
    assert world.race(row) == row.sent, row.why
    assert world.left() == []


def test_no_race_leaves_a_response_context() -> None:
    worlds = [ProxyWorld(1) for _ in ROWS]
    for world, row in zip(worlds, ROWS, strict=True):
        world.race(row)
    assert contexts_left(worlds) == []
