"""An object store as a target: obstore's own memory and file stores, and errors that tell no secret.

A real S3-compatible server is asked by `make test-s3`, which installs one in an environment of its own.
"""

import asyncio
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from daemon.handover.door import HandoverError
from daemon.handover.objects import INSTALL, ObjectDoor, described
from daemon.handover.target import Form
from daemon.settings import SettingsError

LARGE = os.urandom(12 << 20)
"""obstore sends what is larger than 5 MB in parts."""


@pytest.mark.parametrize("content", [b"", b"{}", LARGE], ids=["empty", "small", "large"])
@pytest.mark.parametrize("form", list(Form))
def test_a_result_becomes_one_object_with_its_type(parcel: Any, form: Form, content: bytes) -> None:
    store = MemoryStore()
    one = parcel("a-1", content, form=form)

    async def main() -> None:
        door = ObjectDoor(store)
        await door.put(one)
        await door.put(one)
        await door.aclose()

    asyncio.run(main())
    assert [found["path"] for found in obstore.list(store).collect()] == [one.name]
    got = obstore.get(store, one.name)
    read = bytes(got.bytes())
    assert (read if form is Form.JSON else gzip.decompress(read)) == content
    assert got.attributes["Content-Type"] == f"application/{form}"


def test_a_file_url_makes_files_under_its_prefix(tmp_path: Path, parcel: Any) -> None:
    async def main() -> None:
        door = ObjectDoor.open(f"file://{tmp_path}")
        await door.put(parcel("a/../b", b"x"))
        await door.put(parcel("a/../b", b"y"))

    asyncio.run(main())
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "a%2F%2E%2E%2Fb.advanced.1.json": b"y"
    }


def test_a_store_that_is_gone_is_trouble_of_the_target(
    tmp_path: Path, parcel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "cAn4ry-key",
        "AWS_SECRET_ACCESS_KEY": "cAn4ry-secret",
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)

    async def main() -> str:
        door = ObjectDoor.open("s3://bucket/prefix")
        with pytest.raises(HandoverError) as refused:
            await door.put(parcel())
        assert not refused.value.about_result
        return str(refused.value)

    said = asyncio.run(main())
    assert said.startswith("the store refused (")
    assert "cAn4ry" not in said


def test_a_damaged_result_is_its_own_fault(parcel: Any) -> None:
    async def main() -> None:
        with pytest.raises(HandoverError, match="cannot be inflated") as refused:
            await ObjectDoor(MemoryStore()).put(parcel("a", b"xx", gzip=b"no gzip"))
        assert refused.value.about_result

    asyncio.run(main())


def test_a_url_that_no_store_knows_is_refused_without_repeating_it() -> None:
    with pytest.raises(SettingsError) as refused:
        ObjectDoor.open("nostore://cAn4ry/x?sig=cAn4ry")
    assert "cAn4ry" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "Error performing PUT https://acc.blob.core.windows.net/c/a?sig=cAn4ry in 2s",
        "Server returned non-2xx status code: 403: <Error><AWSAccessKeyId>cAn4ry</AWSAccessKeyId></Error>",
        "Generic error\n\nDebug source:\n cAn4ry",
    ],
)
def test_what_a_store_said_is_repeated_without_its_secrets(text: str) -> None:
    said = described(OSError(text))
    assert "cAn4ry" not in said
    assert "OSError" in said


def test_without_obstore_the_sentence_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['obstore'] = None; sys.modules['obstore.store'] = None\n"
        "from daemon.handover.objects import ObjectDoor\n"
        "try: ObjectDoor.open('s3://bucket')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == f"SettingsError {INSTALL}"
