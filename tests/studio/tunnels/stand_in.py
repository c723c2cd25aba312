"""A tunnel program as there are many: listens on a port of its own, hands on every byte to the studio's, prints the
link. By its words it also refuses, says nothing, dies or goes deaf.

    stand_in.py PORT [--then die:SECONDS | deaf:SECONDS] [--say TEXT]
"""

from __future__ import annotations

import argparse
import asyncio
import sys


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--then", default="")
    parser.add_argument("--say", default="your link is {link} (it is free)")
    args = parser.parse_args()
    deaf = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if deaf:
            await asyncio.sleep(60)
        there, onward = await asyncio.open_connection("127.0.0.1", args.port)
        await asyncio.gather(pipe(reader, onward), pipe(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    link = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print("starting up …", flush=True)
    print(args.say.replace("{link}", link), flush=True)
    what, _, after = args.then.partition(":")
    if what:
        await asyncio.sleep(float(after))
        if what == "die":
            return 3
        deaf = True
    await asyncio.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
