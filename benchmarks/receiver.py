"""A receiver of callbacks, alone on the core of the load: it answers at once, and knows when each came.

Told `hold` on standard input it answers nothing until it is told `go`; told `report` it prints, as one line
of JSON, when (monotonic seconds) each callback since the last report came, by the uuid of its event.
"""

import asyncio
import json
import sys
import time

_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status": "OK"}'


class Receiver:
    """What came, and whether answers are held."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept open."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                _, _, rest = body.partition(b'"event_uuid":"')
                self.came[rest[:36].decode()] = time.monotonic()
                await self.open.wait()
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def obey(self) -> None:
        """Commands on standard input until it ends."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            match line.strip():
                case "hold":
                    self.open.clear()
                case "go":
                    self.open.set()
                case "report":
                    print(json.dumps(self.came), flush=True)
                    self.came.clear()
                    continue
            print(json.dumps(time.monotonic()), flush=True)


async def main() -> None:
    """Listen on a free port; its first line says where."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}/hook"}), flush=True)
    await receiver.obey()


if __name__ == "__main__":
    asyncio.run(main())
