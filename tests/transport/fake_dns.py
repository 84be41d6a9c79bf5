"""A name server in this process, over UDP and TCP on loopback, that can misbehave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile


class FakeDns(asyncio.DatagramProtocol):
    """`add` fills its zone; names that are not in it do not exist. `asked` are the questions, as (name, type).

    `lie` makes the datagrams that are sent of each true answer, the first of which is what TCP sends; `delays` are the
    seconds by which the next ones come.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.over_tcp = 0
        self.silent: set[str] = set()
        self.rcodes: dict[tuple[str, str], dns.rcode.Rcode] = {}
        self.truncate = False
        self.serves_tcp = True
        self.lie: Callable[[dns.message.Message], list[bytes]] = lambda answer: [answer.to_wire(want_shuffle=False)]
        self.delays: list[float] = []
        self.negative_ttl: int | None = None
        self._zone: dict[str, dict[str, list[tuple[int, str]]]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self.address = ("127.0.0.1", 0)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._server is None:
            transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
            host, port = transport.get_extra_info("sockname")[:2]
            try:
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, family=socket.AF_INET)
            except OSError:
                transport.close()
                continue
            self._transport = transport
            self.address = (host, port)

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def add(self, name: str, kind: str, *records: str, ttl: int = 60) -> None:
        """Put records at a name."""
        self._zone.setdefault(name.lower(), {}).setdefault(kind, []).extend((ttl, record) for record in records)

    def remove(self, name: str) -> None:
        """Take a name out."""
        del self._zone[name.lower()]

    def client(self, hosts: HostsFile | None = None, timeout: float = 2.0, lifetime: float = 5.0) -> DnsClient:
        """A client that asks this server alone, and reads no hosts file of the machine."""
        none = HostsFile("/nonexistent/hosts")
        return DnsClient([self.address], hosts=hosts or none, timeout=timeout, lifetime=lifetime)

    def count(self, kind: str) -> int:
        return sum(1 for _, asked in self.asked if asked == kind)

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        pass

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(dns.message.from_wire(data), over_tcp=False)
        if answer is None:
            return
        delay = self.delays.pop(0) if self.delays else 0.0
        for wire in self.lie(answer):
            asyncio.get_running_loop().call_later(delay, self._send, wire, addr)

    def _send(self, wire: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(wire, to)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.serves_tcp:
            writer.close()
            return
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = self._answer(dns.message.from_wire(await reader.readexactly(length)), over_tcp=True)
        if answer is not None:
            wire = self.lie(answer)[0]
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
        writer.close()

    def _answer(self, query: dns.message.Message, over_tcp: bool) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        self.over_tcp += over_tcp
        if kind in self.silent or name in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if self.truncate and not over_tcp:
            response.flags |= dns.flags.TC
            return response
        rcode = self.rcodes.get((name, kind))
        if rcode is not None:
            response.set_rcode(rcode)
            return response
        self._fill(response, question.name, name, kind)
        return response

    def _fill(self, response: dns.message.Message, owner: dns.name.Name, name: str, kind: str) -> None:
        for _ in range(40):
            known = self._zone.get(name)
            if known is None:
                if not any(place.endswith(f".{name}") for place in self._zone):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                break
            alias = known.get("CNAME")
            wanted = known.get(kind) or alias
            if not wanted:
                break
            shown = kind if kind in known else "CNAME"
            ttl = min(ttl for ttl, _ in wanted)
            response.answer.append(dns.rrset.from_text_list(owner, ttl, "IN", shown, [text for _, text in wanted]))
            if shown == kind:
                return
            owner = dns.name.from_text(wanted[0][1])
            name = owner.to_text(omit_final_dot=True).lower()
        if self.negative_ttl is not None:
            soa = f"ns.example. admin.example. 1 1 1 1 {self.negative_ttl}"
            response.authority.append(dns.rrset.from_text(dns.name.root, self.negative_ttl, "IN", "SOA", soa))
