"""Every race of a caller: a CANCEL, an answer, silence, a dead network, repetitions, BYE and re-INVITE, two by two.

Read a row so: in the state `from` (C calling, R ringing, T talking) comes `first`, and 1 ms later `second`, when nobody
can have heard of the first yet: it takes 5 ms to the peer. `we send`: each message once, with a + if it goes more than
once. Behind a slash is what follows from 10 s later on, when our user ends what still stands.

- CANCEL, BYE>, INVITE>: our user gives up, hangs up, puts the call on hold.
- 200: the peer's 2xx to the INVITE comes; the second is that of another phone behind a fork, #2.
- BYE<, INVITE<: the peer's BYE and re-INVITE come. Before its 2xx came through, a callee hangs up for want of an ACK.
- TIMEOUT: first, the time of the state is over: Timer B in C, the longest time of ringing in R, of a call in T; second,
  nothing of the peer comes any more, and nothing reaches it.
- FAILURE: the network says that the peer cannot be reached.
- AGAIN: what came last from the peer comes once more.

The peer is the puppet, which does what RFC 3261 says.
"""

from __future__ import annotations

import pytest

from tests.races.agents import EVENTS, Caller
from tests.races.table import Row, pairs_of, rows_of

TABLE = """
first   | second  |from| we send                                           | our user hears              | because
CANCEL  | CANCEL  | R | CANCEL, ACK                                        | CANCELLED                   | 9.1: one CANCEL, and the 487 gets its ACK
CANCEL  | 200     | R | CANCEL, ACK, BYE                                   | CANCELLED                   | 9.1, 15, RFC 5407 3.1.2
CANCEL  | 200     | C | ACK, BYE                                           | CANCELLED                   | 9.1: no CANCEL before a 1xx; 15
CANCEL  | TIMEOUT | R | CANCEL+                                            | CANCELLED                   | 9.1: after 64*T1 it counts as cancelled
CANCEL  | TIMEOUT | C | INVITE+                                            | CANCELLED                   | 9.1: no CANCEL before a 1xx
CANCEL  | FAILURE | R | CANCEL, ACK                                        | CANCELLED                   | 17.1.4 ends the CANCEL's transaction only
CANCEL  | FAILURE | C |                                                    | CANCELLED                   | 17.1.4 ends the INVITE
CANCEL  | AGAIN   | R | CANCEL, ACK                                        | CANCELLED                   | 180 again changes nothing
CANCEL  | BYE<    | R | CANCEL, 200 BYE                                    | CANCELLED                   | RFC 5407 2: the caller takes a BYE
CANCEL  | INVITE< | R | CANCEL, 491 re-INVITE, ACK                         | CANCELLED                   | 14.2: an INVITE of ours is open
200     | 200     | R | ACK, ACK#2, BYE#2 / BYE                            | answered / HUNG_UP          | 13.2.2.4: each 2xx; the first counts
200     | TIMEOUT | R | ACK, BYE+                                          | answered, TOO_LONG          | nothing of ours waits but the call's end
200     | FAILURE | R | ACK / BYE                                          | answered / HUNG_UP          | RFC 6026 8.4: Accepted stays
200     | AGAIN   | R | ACK+ / BYE                                         | answered / HUNG_UP          | 13.2.2.4: the ACK again
200     | BYE>    | R | ACK, BYE                                           | answered, HUNG_UP           | 15: the caller may at once
200     | BYE<    | R | ACK, 200 BYE                                       | answered, PEER_HUNG_UP      | 15.1.2
200     | INVITE> | R | ACK, re-INVITE, re-ACK / BYE                       | answered, hold done / HUNG_UP | 14.1: the first INVITE has its end
200     | INVITE< | R | ACK, 200 re-INVITE / BYE                           | answered / HUNG_UP          | 14.2
TIMEOUT | CANCEL  | R | CANCEL, ACK                                        | NOT_ANSWERED                | 9.1: one CANCEL
TIMEOUT | 200     | C | / 481 BYE                                          | FAILED                      | RFC 6026 7.3: dropped; 15.1.2 to the BYE
TIMEOUT | 200     | R | CANCEL, ACK, BYE                                   | NOT_ANSWERED                | 9.1, 15
TIMEOUT | TIMEOUT | R | CANCEL+                                            | NOT_ANSWERED                | 9.1: after 64*T1
TIMEOUT | TIMEOUT | C |                                                    | FAILED                      | 17.1.1.2: Timer B, 8.1.3.1
TIMEOUT | TIMEOUT | T | BYE+                                               | TOO_LONG                    | 15.1.1: over, whatever the answer
TIMEOUT | FAILURE | R | CANCEL, ACK                                        | NOT_ANSWERED                | 17.1.4 ends the CANCEL's transaction only
TIMEOUT | FAILURE | T | BYE                                                | TOO_LONG                    | 15.1.1
TIMEOUT | AGAIN   | R | CANCEL, ACK                                        | NOT_ANSWERED                | 180 again changes nothing
TIMEOUT | BYE>    | T | BYE                                                | TOO_LONG                    | the call is over
TIMEOUT | BYE<    | R | CANCEL, 200 BYE                                    | NOT_ANSWERED                | RFC 5407 2
TIMEOUT | BYE<    | T | BYE, 200 BYE                                       | TOO_LONG                    | RFC 5407 3.2.1
TIMEOUT | INVITE< | T | BYE, 481 re-INVITE                                 | TOO_LONG                    | RFC 5407 3.2.2
FAILURE | CANCEL  | C |                                                    | FAILED                      | 17.1.4, 8.1.3.1: nothing is left to cancel
FAILURE | CANCEL  | R | CANCEL, ACK                                        | CANCELLED                   | figure 5: nothing is sent in Proceeding
FAILURE | 200     | C | / 481 BYE                                          | FAILED                      | RFC 6026 7.3
FAILURE | 200     | R | ACK / BYE                                          | answered / HUNG_UP          | figure 5
FAILURE | TIMEOUT | C |                                                    | FAILED                      | 17.1.4
FAILURE | TIMEOUT | R | CANCEL+                                            | NOT_ANSWERED                | the longest time of ringing, then 9.1
FAILURE | FAILURE | C |                                                    | FAILED                      | 17.1.4
FAILURE | FAILURE | T | / BYE                                              | / HUNG_UP                   | nothing of ours was under way
FAILURE | AGAIN   | R | / CANCEL, ACK                                      | / CANCELLED                 | 180 again changes nothing
FAILURE | BYE>    | T | BYE                                                | HUNG_UP                     | 15.1.1
FAILURE | BYE<    | T | 200 BYE                                            | PEER_HUNG_UP                | 15.1.2
FAILURE | INVITE> | T | re-INVITE, re-ACK / BYE                            | hold done / HUNG_UP         | 14.1
FAILURE | INVITE< | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | 14.2
AGAIN   | CANCEL  | R | CANCEL, ACK                                        | CANCELLED                   | 9.1
AGAIN   | 200     | R | ACK / BYE                                          | answered / HUNG_UP          | 13.2.2.4
AGAIN   | TIMEOUT | R | CANCEL+                                            | NOT_ANSWERED                | 9.1
AGAIN   | TIMEOUT | T | ACK+, BYE+                                         | TOO_LONG                    | 13.2.2.4
AGAIN   | FAILURE | R | / CANCEL, ACK                                      | / CANCELLED                 | figure 5
AGAIN   | AGAIN   | T | ACK+ / BYE                                         | / HUNG_UP                   | 13.2.2.4: the ACK each time
AGAIN   | BYE>    | T | ACK+, BYE                                          | HUNG_UP                     | 13.2.2.4, 15
AGAIN   | BYE<    | T | ACK+, 200 BYE                                      | PEER_HUNG_UP                | 13.2.2.4, 15.1.2
AGAIN   | INVITE> | T | ACK+, re-INVITE, re-ACK / BYE                      | hold done / HUNG_UP         | 13.2.2.4, 14.1
AGAIN   | INVITE< | T | ACK+, 200 re-INVITE / BYE                          | / HUNG_UP                   | 13.2.2.4, 14.2
BYE>    | 200     | T | BYE, ACK#2, BYE#2                                  | HUNG_UP                     | 13.2.2.4: another phone's is ended too
BYE>    | TIMEOUT | T | BYE+                                               | HUNG_UP                     | 15.1.1, Timer F
BYE>    | FAILURE | T | BYE                                                | HUNG_UP                     | 15.1.1
BYE>    | AGAIN   | T | BYE, ACK+                                          | HUNG_UP                     | RFC 5407 D: the ACK goes all the same
BYE>    | BYE>    | T | BYE                                                | HUNG_UP                     | the call is over
BYE>    | BYE<    | T | BYE, 200 BYE                                       | HUNG_UP                     | RFC 5407 3.2.1
BYE>    | INVITE< | T | BYE, 481 re-INVITE                                 | HUNG_UP                     | RFC 5407 3.2.2
BYE<    | 200     | T | 200 BYE, ACK#2, BYE#2                              | PEER_HUNG_UP                | 13.2.2.4: another phone's is ended too
BYE<    | TIMEOUT | T | 200 BYE                                            | PEER_HUNG_UP                | 15.1.2
BYE<    | TIMEOUT | R | 200 BYE, CANCEL+                                   | NOT_ANSWERED                | RFC 5407 2: others may still answer
BYE<    | FAILURE | T | 200 BYE                                            | PEER_HUNG_UP                | RFC 6026 8.8: the transaction stays
BYE<    | AGAIN   | T | 200 BYE+                                           | PEER_HUNG_UP                | 17.2.2
BYE<    | BYE>    | T | 200 BYE                                            | PEER_HUNG_UP                | the call is over
BYE<    | BYE<    | T | 200 BYE, 200 BYE                                   | PEER_HUNG_UP                | RFC 5407 2: Mortal takes BYE
BYE<    | INVITE< | T | 200 BYE, 481 re-INVITE                             | PEER_HUNG_UP                | RFC 5407 2: Mortal takes nothing else
BYE<    | CANCEL  | R | 200 BYE, CANCEL                                    | CANCELLED                   | 9.1
INVITE> | 200     | T | re-INVITE, ACK#2, BYE#2, re-ACK / BYE              | hold done / HUNG_UP         | 13.2.2.4, 14.1
INVITE> | TIMEOUT | T | re-INVITE+, BYE+                                   | hold failed, LOST           | 14.1, 12.2.1.2
INVITE> | FAILURE | T | re-INVITE / BYE                                    | hold failed / HUNG_UP       | 8.1.3.1: a 503; 14.1: the call stays
INVITE> | AGAIN   | T | re-INVITE, ACK+, re-ACK / BYE                      | hold done / HUNG_UP         | 13.2.2.4, 14.1
INVITE> | BYE>    | T | re-INVITE, BYE, re-ACK                             | hold failed, HUNG_UP        | RFC 5407 3.2.3
INVITE> | BYE<    | T | re-INVITE, 200 BYE, re-ACK                         | hold failed, PEER_HUNG_UP   | 15.1.2; the ACK is the 481's
INVITE> | INVITE< | T | re-INVITE, 491 re-INVITE, re-ACK, re-INVITE, re-ACK / BYE | hold done / HUNG_UP  | 14.1, 14.2, RFC 5407 3.3.1
INVITE< | 200     | T | 200 re-INVITE, ACK#2, BYE#2 / BYE                  | / HUNG_UP                   | 13.2.2.4, 14.2
INVITE< | TIMEOUT | T | 200 re-INVITE+, BYE+                               | NOT_ACKNOWLEDGED            | 14.2, 13.3.1.4
INVITE< | FAILURE | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | RFC 6026 8.6: Accepted stays
INVITE< | AGAIN   | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | RFC 6026 7.1: absorbed
INVITE< | BYE>    | T | 200 re-INVITE, BYE                                 | HUNG_UP                     | 15: the caller may at any time
INVITE< | BYE<    | T | 200 re-INVITE, 200 BYE                             | PEER_HUNG_UP                | 15.1.2
INVITE< | INVITE> | T | 200 re-INVITE, re-INVITE, re-ACK / BYE             | hold done / HUNG_UP         | 14.1: not before the ACK
INVITE< | INVITE< | T | 200 re-INVITE, 200 re-INVITE / BYE                 | / HUNG_UP                   | 14.2: the first had its final response
"""

NEVER = """
CANCEL            | BYE> INVITE>  | before the 2xx hanging up is the CANCEL, and there is nothing to put on hold
200               | CANCEL        | hanging up is a BYE once the 2xx is here (9.1, 15)
TIMEOUT           | INVITE>       | the call is over for our user
BYE> INVITE> INVITE< | CANCEL     | no INVITE that our user could cancel is open
BYE> BYE<         | INVITE>       | the call is over for our user
INVITE>           | INVITE>       | our user's second wish is refused while the first is open (14.1)
"""

ROWS = rows_of(TABLE)


def test_every_ordered_pair_is_in_the_table_or_cannot_be() -> None:
    shown = {(row.first, row.second) for row in ROWS}
    never = pairs_of(NEVER, EVENTS)
    assert not shown & never
    assert shown | never == {(one, other) for one in EVENTS for other in EVENTS}


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_a_race_ends_as_the_table_says(row: Row) -> None:
    world = Caller()
    assert world.race(row) == (row.sent, row.told), row.why
    assert world.left() == []
