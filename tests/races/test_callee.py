"""Every race of a callee: a CANCEL, our answer, silence, a dead network, repetitions, BYE and re-INVITE, two by two.

The table is read as that of the caller's races, but for the states (W: it rings here and waits for our user; M: our 2xx
has no ACK; T: it has, and they talk) and for these:

- CANCEL: the caller's comes.
- 200: our user answers.
- BYE>, INVITE>: our user hangs up (before the answer that refuses the call), puts the call on hold.
- BYE<, INVITE<: the caller's BYE and re-INVITE come; a caller may send BYE in an early dialog too (15).
- TIMEOUT: first, the time of the state is over: the longest time of ringing in W, 64*T1 for the ACK in M, the longest
  time of a call in T; second, nothing of the caller comes any more, and nothing reaches it.
"""

from __future__ import annotations

import pytest

from tests.races.agents import EVENTS, Callee
from tests.races.table import Row, pairs_of, rows_of

TABLE = """
first   | second  |from| we send                                           | our user hears              | because
CANCEL  | 200     | W | 200 CANCEL, 487                                    | CANCELLED, too late         | 9.2
CANCEL  | TIMEOUT | W | 200 CANCEL, 487+                                   | CANCELLED                   | 9.2, 17.2.1: Timers G and H
CANCEL  | FAILURE | W | 200 CANCEL, 487                                    | CANCELLED                   | RFC 6026 8.8: Completed stays
CANCEL  | AGAIN   | W | 200 CANCEL+, 487                                   | CANCELLED                   | 17.2.2
CANCEL  | BYE>    | W | 200 CANCEL, 487                                    | CANCELLED                   | the call is over
CANCEL  | BYE<    | W | 200 CANCEL, 487, 481 BYE                           | CANCELLED                   | 12.3: the early dialog ended with the 487
CANCEL  | INVITE< | W | 200 CANCEL, 487, 481 re-INVITE                     | CANCELLED                   | 12.2.2
200     | CANCEL  | W | 200, 200 CANCEL, 200 BYE                           | answered, PEER_HUNG_UP      | 9.2, RFC 5407 3.1.2
200     | 200     | W | 200 / BYE                                          | answered, too late / HUNG_UP | 13.3.1.4: one 2xx
200     | TIMEOUT | W | 200+, BYE+                                         | answered, NOT_ACKNOWLEDGED  | 13.3.1.4
200     | FAILURE | W | 200 / BYE                                          | answered / HUNG_UP          | RFC 6026 8.6: Accepted stays
200     | AGAIN   | W | 200 / BYE                                          | answered / HUNG_UP          | RFC 6026 7.1, RFC 5407 3.1.1
200     | BYE>    | W | 200, BYE                                           | answered, HUNG_UP           | 15: the BYE waits for the ACK
200     | BYE<    | W | 200, 200 BYE                                       | answered, PEER_HUNG_UP      | RFC 5407 3.1.3
200     | INVITE> | W | 200, re-INVITE, re-ACK / BYE                       | answered, hold done / HUNG_UP | 14.1: not before the ACK
200     | INVITE< | W | 200, 200 re-INVITE / BYE                           | answered / HUNG_UP          | RFC 5407 3.1.4
TIMEOUT | CANCEL  | W | 480, 200 CANCEL                                    | NOT_ANSWERED                | 9.2: no effect after a final response
TIMEOUT | 200     | W | 480                                                | NOT_ANSWERED, too late      | 13.3.1.4
TIMEOUT | TIMEOUT | W | 480+                                               | NOT_ANSWERED                | 17.2.1: Timers G and H
TIMEOUT | TIMEOUT | M | BYE+                                               | NOT_ACKNOWLEDGED            | 13.3.1.4, 15.1.1
TIMEOUT | TIMEOUT | T | BYE+                                               | TOO_LONG                    | 15.1.1
TIMEOUT | FAILURE | W | 480                                                | NOT_ANSWERED                | RFC 6026 8.8: Completed stays
TIMEOUT | FAILURE | M | BYE                                                | NOT_ACKNOWLEDGED            | 15.1.1
TIMEOUT | FAILURE | T | BYE                                                | TOO_LONG                    | 15.1.1
TIMEOUT | AGAIN   | W | 480+                                               | NOT_ANSWERED                | 17.2.1: the INVITE again
TIMEOUT | AGAIN   | T | BYE                                                | TOO_LONG                    | RFC 5407 3.2.4
TIMEOUT | BYE>    | W | 480                                                | NOT_ANSWERED                | the call is over
TIMEOUT | BYE>    | M | BYE                                                | NOT_ACKNOWLEDGED            | the call is over
TIMEOUT | BYE>    | T | BYE                                                | TOO_LONG                    | the call is over
TIMEOUT | BYE<    | W | 480, 481 BYE                                       | NOT_ANSWERED                | 12.3: the early dialog ended with the 480
TIMEOUT | BYE<    | M | BYE, 200 BYE                                       | NOT_ACKNOWLEDGED            | RFC 5407 3.2.1
TIMEOUT | BYE<    | T | BYE, 200 BYE                                       | TOO_LONG                    | RFC 5407 3.2.1
TIMEOUT | INVITE< | M | BYE, 481 re-INVITE                                 | NOT_ACKNOWLEDGED            | RFC 5407 3.2.2
TIMEOUT | INVITE< | T | BYE, 481 re-INVITE                                 | TOO_LONG                    | RFC 5407 3.2.2
FAILURE | CANCEL  | W | 200 CANCEL, 487                                    | CANCELLED                   | figure 7: Proceeding stays
FAILURE | 200     | W | 200 / BYE                                          | answered / HUNG_UP          | figure 7
FAILURE | TIMEOUT | W | 180+, 480+                                         | NOT_ANSWERED                | 13.3.1.1: each minute, 17.2.1
FAILURE | TIMEOUT | T | BYE+                                               | TOO_LONG                    | nothing of ours waits but the call's end
FAILURE | FAILURE | W | / 603                                              | / REFUSED                   | figure 7
FAILURE | FAILURE | T | / BYE                                              | / HUNG_UP                   | nothing of ours was under way
FAILURE | AGAIN   | W | 180+ / 603                                         | / REFUSED                   | 17.2.1
FAILURE | BYE>    | W | 603                                                | REFUSED                     | 13.3.1.3, 15: no BYE of a callee yet
FAILURE | BYE>    | T | BYE                                                | HUNG_UP                     | 15.1.1
FAILURE | BYE<    | W | 200 BYE, 487                                       | PEER_HUNG_UP                | 15.1.2
FAILURE | BYE<    | T | 200 BYE                                            | PEER_HUNG_UP                | 15.1.2
FAILURE | INVITE> | T | re-INVITE, re-ACK / BYE                            | hold done / HUNG_UP         | 14.1
FAILURE | INVITE< | W | 500 re-INVITE / 603                                | / REFUSED                   | 14.2: the first has no final response
FAILURE | INVITE< | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | 14.2
AGAIN   | CANCEL  | W | 180+, 200 CANCEL, 487                              | CANCELLED                   | 17.2.1, 9.2
AGAIN   | 200     | W | 180+, 200 / BYE                                    | answered / HUNG_UP          | 17.2.1
AGAIN   | TIMEOUT | W | 180+, 480+                                         | NOT_ANSWERED                | 17.2.1
AGAIN   | TIMEOUT | T | BYE+                                               | TOO_LONG                    | an ACK again is nothing
AGAIN   | FAILURE | W | 180+ / 603                                         | / REFUSED                   | figure 7
AGAIN   | AGAIN   | W | 180+ / 603                                         | / REFUSED                   | 17.2.1
AGAIN   | AGAIN   | T | / BYE                                              | / HUNG_UP                   | an ACK again is nothing
AGAIN   | BYE>    | W | 180+, 603                                          | REFUSED                     | 13.3.1.3
AGAIN   | BYE>    | T | BYE                                                | HUNG_UP                     | 15
AGAIN   | BYE<    | W | 180+, 200 BYE, 487                                 | PEER_HUNG_UP                | 15.1.2
AGAIN   | BYE<    | T | 200 BYE                                            | PEER_HUNG_UP                | 15.1.2
AGAIN   | INVITE> | T | re-INVITE, re-ACK / BYE                            | hold done / HUNG_UP         | 14.1
AGAIN   | INVITE< | W | 180+, 500 re-INVITE / 603                          | / REFUSED                   | 14.2
AGAIN   | INVITE< | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | 14.2
BYE>    | CANCEL  | W | 603, 200 CANCEL                                    | REFUSED                     | 9.2: no effect after a final response
BYE>    | 200     | W | 603                                                | REFUSED, too late           | 13.3.1.3
BYE>    | TIMEOUT | W | 603+                                               | REFUSED                     | 17.2.1
BYE>    | TIMEOUT | T | BYE+                                               | HUNG_UP                     | 15.1.1, Timer F
BYE>    | FAILURE | T | BYE                                                | HUNG_UP                     | 15.1.1
BYE>    | AGAIN   | W | 603+                                               | REFUSED                     | 17.2.1
BYE>    | AGAIN   | T | BYE                                                | HUNG_UP                     | RFC 5407 3.2.4
BYE>    | BYE>    | T | BYE                                                | HUNG_UP                     | the call is over
BYE>    | BYE<    | W | 603, 481 BYE                                       | REFUSED                     | 12.3
BYE>    | BYE<    | T | BYE, 200 BYE                                       | HUNG_UP                     | RFC 5407 3.2.1
BYE>    | INVITE< | T | BYE, 481 re-INVITE                                 | HUNG_UP                     | RFC 5407 3.2.2
BYE<    | CANCEL  | W | 200 BYE, 487, 200 CANCEL                           | PEER_HUNG_UP                | 15.1.2, 9.2
BYE<    | 200     | W | 200 BYE, 487                                       | PEER_HUNG_UP, too late      | 15.1.2
BYE<    | TIMEOUT | W | 200 BYE, 487+                                      | PEER_HUNG_UP                | 15.1.2, 17.2.1
BYE<    | TIMEOUT | T | 200 BYE                                            | PEER_HUNG_UP                | 15.1.2
BYE<    | FAILURE | T | 200 BYE                                            | PEER_HUNG_UP                | RFC 6026 8.8: the transaction stays
BYE<    | AGAIN   | T | 200 BYE+                                           | PEER_HUNG_UP                | 17.2.2
BYE<    | BYE>    | T | 200 BYE                                            | PEER_HUNG_UP                | the call is over
BYE<    | BYE<    | W | 200 BYE, 487, 200 BYE                              | PEER_HUNG_UP                | RFC 5407 2: Mortal takes BYE
BYE<    | BYE<    | T | 200 BYE, 200 BYE                                   | PEER_HUNG_UP                | RFC 5407 2: Mortal takes BYE
BYE<    | INVITE< | T | 200 BYE, 481 re-INVITE                             | PEER_HUNG_UP                | RFC 5407 2: Mortal takes nothing else
INVITE> | TIMEOUT | T | re-INVITE+, BYE+                                   | hold failed, LOST           | 14.1, 12.2.1.2
INVITE> | FAILURE | T | re-INVITE / BYE                                    | hold failed / HUNG_UP       | 8.1.3.1: a 503; 14.1: the call stays
INVITE> | AGAIN   | T | re-INVITE, re-ACK / BYE                            | hold done / HUNG_UP         | an ACK again is nothing
INVITE> | BYE>    | T | re-INVITE, BYE, re-ACK                             | hold failed, HUNG_UP        | RFC 5407 3.2.3
INVITE> | BYE<    | T | re-INVITE, 200 BYE, re-ACK                         | hold failed, PEER_HUNG_UP   | 15.1.2; the ACK is the 481's
INVITE> | INVITE< | T | re-INVITE, 491 re-INVITE, re-ACK, re-INVITE, re-ACK / BYE | hold done / HUNG_UP  | 14.1, 14.2, RFC 5407 3.3.1
INVITE< | TIMEOUT | T | 200 re-INVITE+, BYE+                               | NOT_ACKNOWLEDGED            | 14.2, 13.3.1.4
INVITE< | FAILURE | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | RFC 6026 8.6: Accepted stays
INVITE< | AGAIN   | T | 200 re-INVITE / BYE                                | / HUNG_UP                   | RFC 6026 7.1: absorbed
INVITE< | BYE>    | T | 200 re-INVITE, BYE                                 | HUNG_UP                     | 15: the INVITE of the call has its ACK
INVITE< | BYE<    | T | 200 re-INVITE, 200 BYE                             | PEER_HUNG_UP                | 15.1.2
INVITE< | INVITE> | T | 200 re-INVITE, re-INVITE, re-ACK / BYE             | hold done / HUNG_UP         | 14.1: not before the ACK
INVITE< | INVITE< | T | 200 re-INVITE, 200 re-INVITE / BYE                 | / HUNG_UP                   | 14.2: the first had its final response
"""

NEVER = """
CANCEL            | CANCEL        | it has the INVITE's branch, so that a second one is the first again (9.1)
CANCEL            | INVITE>       | there is nothing to put on hold
INVITE> INVITE<   | CANCEL        | the INVITE has its final response, and to a re-INVITE we send no 1xx (9.1)
INVITE> INVITE<   | 200           | our user answers once; a re-INVITE we answer at once
TIMEOUT BYE> BYE< | INVITE>       | the call is over for our user
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
    world = Callee()
    assert world.race(row) == (row.sent, row.told), row.why
    assert world.left() == []
