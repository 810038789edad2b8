import asyncio
import os

ANSWERS = {
    b"Beautiful is better than?": b"Ugly.",
    b"Explicit is better than?": b"Implicit.",
    b"Simple is better than?": b"Complex.",
}


async def converse(reader, writer):
    try:
        while True:
            question = await reader.readuntil(b"?")
            writer.write(ANSWERS.get(question, b"Error: unknown aphorism."))
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(converse, "127.0.0.1", int(os.environ["PORT"]), limit=1 << 26, backlog=128)
    await server.serve_forever()


asyncio.run(main())
