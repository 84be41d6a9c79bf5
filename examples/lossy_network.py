"""A request over a virtual network that loses every third datagram: seconds of SIP in no time, the same at every run.

python examples/lossy_network.py
"""

from __future__ import annotations

from offhook.clock import Moment
from offhook.testing.network import Faults, VirtualNetwork
from offhook.testing.peer import ScriptedPeer


def main() -> None:
    network = VirtualNetwork(seed=7, faults=Faults(loss=1 / 3), trace=True)
    alice = network.add("192.0.2.1", lambda stack: ScriptedPeer(stack, "sip:alice@192.0.2.1"))
    bob = network.add("192.0.2.2", lambda stack: ScriptedPeer(stack, "sip:bob@192.0.2.2"))

    def ask(now: Moment) -> None:
        draft = alice.role.request("OPTIONS", "sip:bob@192.0.2.2")
        alice.role.send(draft, alice.target_to("192.0.2.2", 5060), now)

    alice.call(ask)
    network.run()
    for time, sender, receiver, data in network.trace or []:
        print(f"{time:7.3f}  {sender} -> {receiver}  {data.splitlines()[0].decode()}")
    print(f"alice got {alice.role.statuses()}, bob was asked {len(bob.role.requests)} time")


if __name__ == "__main__":
    main()
