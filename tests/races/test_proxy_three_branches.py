"""Every race at a proxy with three branches.

The table is read as that of the races with one branch. All three callees ring at once. What bears the To tag of the second
or third callee is marked #2 or #3 at the caller (9.2: the 200 to a CANCEL bears that of the last response before it);
`*` stands for each of the three. The first 2xx is the first callee's, the second
the second's; silence befalls all three, the dead network the first alone. In T the first has answered, and the INVITEs
of the others have ended with 487.
"""

from __future__ import annotations

import re

import pytest

from tests.races.proxied import EVENTS, ProxyWorld, contexts_left
from tests.races.table import Row, pairs_of, rows_of

TABLE = """
first   | second  |from| the proxy sends                                                                             || because
CANCEL  | 200     | R | a: 200 CANCEL#3, 200, 200 BYE; 1: CANCEL, ACK, BYE; 2: CANCEL, ACK; 3: CANCEL, ACK             || 16.10, 16.7 step 5: a 2xx always
CANCEL  | TIMEOUT | R | a: 200 CANCEL#3, 487#3+; *: CANCEL+                                                            || 9.1: after 64*T1; 9.2: the tag
CANCEL  | FAILURE | C | a: 200 CANCEL, 487; 2: INVITE+, CANCEL, ACK; 3: INVITE+, CANCEL, ACK                           || 9.1: the CANCEL waits for a 1xx; 16.7 step 6
CANCEL  | FAILURE | R | a: 200 CANCEL#3, 487; *: CANCEL, ACK                                                           || 17.1.4 ends the CANCEL's transaction only
CANCEL  | AGAIN   | R | a: 200 CANCEL#3+, 180+, 487; *: CANCEL, ACK                                                    || 17.2.2, 16.7 step 5; any of the 487s
CANCEL  | BYE     | R | a: 200 CANCEL#3, 487, 200 BYE; 1: CANCEL, BYE, ACK; 2: CANCEL, ACK; 3: CANCEL, ACK             || 16.10; the BYE ends one early dialog
200     | CANCEL  | R | a: 200, 200 CANCEL, 200 BYE; 1: ACK, BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                       || 16.7 step 10, 9.2
200     | 200     | R | a: 200, 200#2, 200 BYE#2 / 200 BYE; 1: ACK / BYE; 2: CANCEL, ACK, BYE; 3: CANCEL, ACK          || 16.7 steps 5 and 10: every 2xx
200     | TIMEOUT | R | a: 200; 1: ACK; 2: CANCEL+; 3: CANCEL+                                                         || 16.7 step 10
200     | FAILURE | R | a: 200 / 200 BYE; 1: ACK / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                                 || RFC 6026 8.4: Accepted stays
200     | AGAIN   | R | a: 200+ / 200 BYE; 1: ACK+ / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                               || RFC 6026 7.1, 16.7 step 5
200     | BYE     | R | a: 200, 200 BYE; 1: BYE, ACK; 2: CANCEL, ACK; 3: CANCEL, ACK                                   || RFC 5407 3.1.3
200     | INVITE  | R | a: 200, re-INVITE, re-ACK / 200 BYE; 1: ACK, 200 re-INVITE / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK || each in its order
TIMEOUT | CANCEL  | C | a: 408, 200 CANCEL                                                                             || 16.7 step 6, 9.2
TIMEOUT | CANCEL  | R | a: 200 CANCEL#3, 487; *: CANCEL, ACK                                                           || 16.8, 16.10: one CANCEL each (9.1)
TIMEOUT | 200     | C | a: 408 / BYE; 1: / 481 BYE                                                                     || RFC 6026 7.3: a 2xx for nothing is dropped
TIMEOUT | 200     | R | a: 200 / 200 BYE; 1: CANCEL, ACK / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                         || 16.8, 16.7 step 5
TIMEOUT | TIMEOUT | C | a: 408                                                                                         || 16.7 step 6
TIMEOUT | TIMEOUT | R | a: 408; *: CANCEL+                                                                             || 16.8, 9.1
TIMEOUT | FAILURE | R | a: 487; *: CANCEL, ACK                                                                         || 16.8, 17.1.4
TIMEOUT | AGAIN   | C | a: 408+                                                                                        || 17.2.1: the INVITE again
TIMEOUT | AGAIN   | R | a: 180#3+, 180+, 487; *: CANCEL, ACK                                                           || 16.8, 17.2.1
TIMEOUT | BYE     | R | a: 487, 200 BYE; 1: CANCEL, BYE, ACK; 2: CANCEL, ACK; 3: CANCEL, ACK                           || 16.8; the BYE ends one early dialog
FAILURE | CANCEL  | C | a: 200 CANCEL, 487#2; 2: INVITE+, CANCEL, ACK; 3: INVITE+, CANCEL, ACK                         || 9.1; 16.7 step 6: a 4xx before a 503
FAILURE | CANCEL  | R | a: 200 CANCEL#3, 487; *: CANCEL, ACK                                                           || figure 5: nothing is sent in Proceeding
FAILURE | 200     | C | a: / 200 CANCEL, 487#2, BYE; 1: / 481 BYE; 2: INVITE+ / CANCEL, ACK; 3: INVITE+ / CANCEL, ACK  || 16.9, RFC 6026 7.3: it is dropped
FAILURE | 200     | R | a: 200 / 200 BYE; 1: ACK / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                                 || figure 5
FAILURE | TIMEOUT | C | a: 408; 2: INVITE+; 3: INVITE+                                                                 || 16.7 step 6: a 408 before a 503
FAILURE | TIMEOUT | R | a: 408; *: CANCEL+                                                                             || Timer C: 16.8, 9.1
FAILURE | FAILURE | R | a: / 200 CANCEL#3, 487; *: / CANCEL, ACK                                                       || figure 5
FAILURE | AGAIN   | R | a: 180#3+, 180+ / 200 CANCEL, 487; *: / CANCEL, ACK                                            || 17.2.1
FAILURE | BYE     | R | a: 200 BYE / 200 CANCEL#3, 487; 1: BYE, ACK; 2: / CANCEL, ACK; 3: / CANCEL, ACK                || 15.1.2 at the callee: the others ring on
FAILURE | BYE     | T | a: 200 BYE; 1: BYE                                                                             || nothing was under way
FAILURE | INVITE  | T | a: re-INVITE, re-ACK / 200 BYE; 1: 200 re-INVITE / BYE                                         || nothing was under way
AGAIN   | CANCEL  | R | a: 180#3+, 180+, 200 CANCEL, 487; *: CANCEL, ACK                                               || 17.2.1, 16.10
AGAIN   | 200     | R | a: 180#3+, 180+, 200 / 200 BYE; 1: ACK / BYE; 2: CANCEL, ACK; 3: CANCEL, ACK                   || 17.2.1, 16.7 step 5
AGAIN   | TIMEOUT | R | a: 180#3+, 180+, 408; *: CANCEL+                                                               || 17.2.1, 16.8, 9.1
AGAIN   | FAILURE | R | a: 180#3+, 180+ / 200 CANCEL, 487; *: / CANCEL, ACK                                            || 17.2.1, figure 5
AGAIN   | AGAIN   | R | a: 180#3+, 180+ / 200 CANCEL, 487; *: / CANCEL, ACK                                            || 17.2.1
AGAIN   | AGAIN   | T | a: 200+ / 200 BYE; 1: ACK+ / BYE                                                               || 16.7 step 5; an ACK is passed on each time
AGAIN   | BYE     | T | a: 200+, 200 BYE; 1: ACK+, BYE                                                                 || 16.7 step 5
AGAIN   | INVITE  | T | a: 200+, re-INVITE, re-ACK / 200 BYE; 1: ACK+, 200 re-INVITE / BYE                             || 16.7 step 5
BYE     | CANCEL  | R | a: 200 CANCEL#3, 200 BYE, 487; 1: BYE, CANCEL, ACK; 2: CANCEL, ACK; 3: CANCEL, ACK             || 16.10; the callee got the BYE first
BYE     | 200     | R | a: 200, 200 BYE; 1: BYE, ACK; 2: CANCEL, ACK; 3: CANCEL, ACK                                   || RFC 5407 3.1.3
BYE     | TIMEOUT | R | a: 100 BYE+, 408; 1: BYE+, CANCEL+; 2: CANCEL+; 3: CANCEL+                                     || RFC 4320 4.1; Timer C: 16.8, 9.1
BYE     | TIMEOUT | T | a: 100 BYE+; 1: BYE+                                                                           || RFC 4320 4.1 and 4.2: a 100, and no 408
BYE     | FAILURE | T | a: 500 BYE; 1: BYE                                                                             || 16.9, 16.7 step 6
BYE     | AGAIN   | T | a: 200+, 200 BYE; 1: BYE, ACK+                                                                 || 17.2.2: absorbed; 16.7 step 5
BYE     | BYE     | T | a: BYE, 200 BYE; 1: BYE, 200 BYE                                                               || RFC 5407 3.2.1
BYE     | INVITE  | T | a: re-INVITE, 200 BYE, re-ACK; 1: BYE, 481 re-INVITE                                           || RFC 5407 3.2.2
INVITE  | TIMEOUT | T | a: re-INVITE, 100 BYE+; 1: 200 re-INVITE+, BYE+                                                || 13.3.1.4 at the caller, RFC 4320 4.1
INVITE  | FAILURE | T | a: re-INVITE, re-ACK / 200 BYE; 1: 200 re-INVITE / BYE                                         || figure 7: Proceeding stays
INVITE  | AGAIN   | T | a: re-INVITE, re-ACK / 200 BYE; 1: ACK+, 200 re-INVITE / BYE                                   || 17.2.1: absorbed without a response
INVITE  | BYE     | T | a: re-INVITE, re-ACK, 200 BYE; 1: BYE, 481 re-INVITE                                           || RFC 5407 3.2.2
INVITE  | INVITE  | T | a: re-INVITE, re-ACK, 491 re-INVITE / 200 BYE; 1: re-INVITE, 491 re-INVITE, re-ACK / BYE       || RFC 5407 3.3.1
"""

NEVER = """
CANCEL          | CANCEL  | it has the INVITE's branch, so that a second one is the first again (9.1)
CANCEL          | INVITE  | a re-INVITE needs the dialog that the 2xx confirms (14)
TIMEOUT         | INVITE  | no timer of a proxy runs in a confirmed dialog, and without one there is no re-INVITE (14)
INVITE          | CANCEL  | the INVITE has its final response, and a re-INVITE is answered at once (9.1)
INVITE          | 200     | the INVITEs of the others ended with their 487s, and a re-INVITE is answered at once
"""

ROWS = rows_of(TABLE)


def spread(sent: str) -> str:
    """What the table says, with the three that `*` stands for."""
    return re.sub(r"\*: ([^;]*)", r"1: \1; 2: \1; 3: \1", sent)


def test_every_ordered_pair_is_in_the_table_or_cannot_be() -> None:
    shown = {(row.first, row.second) for row in ROWS}
    never = pairs_of(NEVER, EVENTS)
    assert not shown & never
    assert shown | never == {(one, other) for one in EVENTS for other in EVENTS}


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_a_race_ends_as_the_table_says(row: Row) -> None:
    world = ProxyWorld(3)
    assert world.race(row) == spread(row.sent), row.why
    assert world.left() == []


def test_no_race_leaves_a_response_context() -> None:
    worlds = [ProxyWorld(3) for _ in ROWS]
    for world, row in zip(worlds, ROWS, strict=True):
        world.race(row)
    assert contexts_left(worlds) == []
