"""Puts results through the real door into a real S3-compatible server, and reads them back; run by `make test-s3`.

    python -m tests.handover.s3_server PYTHON   (an interpreter that has moto's server)

Not a test of `make test`: the server brings sixty packages with it, so it lives in an environment of its own.
"""

import asyncio
import gzip
import json
import os
import socket
import subprocess
import sys
import urllib.request

import obstore
import pytest
from obstore.store import S3Store

from daemon.handover.door import HandoverError
from daemon.handover.objects import ObjectDoor
from daemon.handover.parcel import Parcel
from daemon.handover.target import Form
from ledger.records import Body

BUCKET = "results"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "cAn4ry", "AWS_REGION": "us-east-1"}
COUNT = 200
LARGE = os.urandom(12 << 20)
SERVER = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
_TRIES = 300


def parcel(number: int, content: bytes, form: Form = Form.JSON) -> Parcel:
    body = Body(f"id-{number}/..", "advanced", gzip.compress(content), len(content), 20000, 0)
    return Parcel(body, "serp/google/organic", None, form)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(_TRIES):
        if process.poll() is not None:
            raise SystemExit("the S3 server ended by itself")
        try:
            socket.create_connection(("127.0.0.1", port), 0.1).close()
        except OSError:
            process_ended(process)
        else:
            return
    raise SystemExit("the S3 server did not come up")


def process_ended(process: subprocess.Popen[bytes]) -> None:
    """Give it a moment, unless it has ended."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


async def story(endpoint: str) -> None:
    """A bucket that is missing, then results small and large, each twice; what arrived is what was sent."""
    door = ObjectDoor.open(f"s3://{BUCKET}/serp")
    with pytest.raises(HandoverError) as refused:
        await door.put(parcel(0, b"{}"))
    assert not refused.value.about_result
    assert "cAn4ry" not in str(refused.value)
    sys.stdout.write(f"without the bucket: {refused.value}\n")
    request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
    await asyncio.to_thread(lambda: urllib.request.urlopen(request).close())
    sent = {number: json.dumps({"n": number}).encode() for number in range(COUNT)} | {COUNT: LARGE}
    for _ in range(2):
        for number, content in sent.items():
            await door.put(parcel(number, content))
    await door.put(parcel(0, b"{}", Form.GZIP))
    store = S3Store(BUCKET)
    names = {found["path"] for found in obstore.list(store).collect()}
    wanted = {f"serp/{parcel(number, content).name}": content for number, content in sent.items()}
    assert names == {*wanted, f"serp/{parcel(0, b'{}', Form.GZIP).name}"}
    for name, content in wanted.items():
        assert bytes((await obstore.get_async(store, name)).bytes()) == content
    sys.stdout.write(
        f"{len(names)} objects, each sent twice and read back; the largest {len(LARGE):,} bytes\n"
    )


def main() -> None:
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    os.environ.update(KEYS, AWS_ENDPOINT=endpoint, AWS_ALLOW_HTTP="true")
    process = subprocess.Popen(
        [sys.argv[1], "-c", SERVER, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port, process)
        asyncio.run(story(endpoint))
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
