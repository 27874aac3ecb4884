"""A server that answers every slate alike, in a process of its own: `python little_server.py stall_after stall_seconds capacity`.

Once, `stall_after` seconds after the first request, it does nothing at all for `stall_seconds`. With a capacity it
answers so many requests a second one after the other and sheds what would wait for longer than a fifth of a second.
"""

import asyncio
import json
import sys
import time

ANSWER = json.dumps(
    {
        "slate_id": "s", "model_version": 3, "degraded": None, "items": [{"item_id": f"i{at}"} for at in range(10)],
        "timings_ms": {"rank": 1.5, "total": 2.0},
    }
).encode()  # fmt: skip
ACCEPTED = b'{"accepted": 1, "duplicates": 0}'
LONGEST_WAIT = 0.2


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class State:
    def __init__(self, stall_after: float, stall_seconds: float, capacity: float) -> None:
        self.stall_after, self.stall_seconds, self.capacity = stall_after, stall_seconds, capacity
        self.first: float | None = None
        self.free_at = 0.0

    def stall(self) -> None:
        now = time.perf_counter()
        self.first = now if self.first is None else self.first
        if self.stall_seconds and now - self.first > self.stall_after:
            time.sleep(self.stall_seconds)
            self.stall_seconds = 0.0


class Server(asyncio.Protocol):
    def __init__(self, state: State) -> None:
        self.state, self.received = state, b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self.received = b""
        self.state.stall()
        told = answer("200 OK", ANSWER if b"/slates" in head else ACCEPTED)
        if not self.state.capacity:
            self.transport.write(told)
            return
        now = time.perf_counter()
        wait = max(self.state.free_at - now, 0.0)
        if wait > LONGEST_WAIT:
            self.transport.write(answer("503 Service Unavailable", b"{}"))
            return
        self.state.free_at = now + wait + 1 / self.state.capacity
        asyncio.get_running_loop().call_later(wait + 1 / self.state.capacity, self.transport.write, told)


async def main() -> None:
    state = State(*map(float, sys.argv[1:4]))
    server = await asyncio.get_running_loop().create_server(lambda: Server(state), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
