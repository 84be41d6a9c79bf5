"""Keywords are found clause by clause, over line and page ends, and nowhere but in the text."""

from __future__ import annotations

from tools.rfc_text import keywords, order

TEXT = """\
\ufeffInternet Engineering Task Force                              A. Author
Request for Comments: 9999                                     July 2001

Abstract

   Nothing here MUST count.

Table of Contents

   1.  Introduction ..................................................1
       2.1.  MUST and SHOULD .........................................2
3.  What a Table at the Margin SHOULD Do .............................. 3

1.  Introduction

   A client SHOULD read, and a server MUST
   NOT write.  It SHOULD not shout, MUSTARD is no keyword.



Author                      Standards Track                     [Page 1]
\f
RFC 9999                  A Protocol of Our Own                July 2001


   This goes on: it SHOULD

Author                      Standards Track                     [Page 2]
\f
RFC 9999                  A Protocol of Our Own                July 2001

   NOT end at a page.

2 Rules
2.1 MUST and SHOULD

   The heading has keywords, the rule has one: it MUST.

      2.2 This figure is no heading, but it MUST count
name  =  "at the margin"
   After that grammar it SHOULD go on.

10.12.  Last

   Nothing is demanded here.
"""


def test_keywords_by_clause() -> None:
    assert keywords(TEXT) == {
        "1": ["SHOULD", "MUST NOT", "SHOULD", "SHOULD NOT"],
        "2": [],
        "2.1": ["MUST", "MUST", "SHOULD"],
        "10.12": [],
    }


def test_clauses_have_an_order() -> None:
    assert sorted(["10", "8.1.1.10", "8.1.1.9", "8.1", "9"], key=order) == ["8.1", "8.1.1.9", "8.1.1.10", "9", "10"]
