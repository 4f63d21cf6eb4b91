"""Uses every call of files and uploads of OpenAI's Python SDK against the server at BASE.

Ends with an error at the first difference from what the SDK's users know.
"""

import hashlib
import io
import os
import sys
import tempfile
import time

import openai
from openai import OpenAI

BASE, KEY, STRANGERS_KEY = (os.environ[name] for name in ("BASE", "KEY", "STRANGERS_KEY"))
CHUNKED_BYTES = int(os.environ.get("CHUNKED_BYTES", 200 * 1000 * 1000))

client = OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=0)
stranger = OpenAI(api_key=STRANGERS_KEY, base_url=f"{BASE}/v1", max_retries=0)


def raises(kind, call, *words):
    """The error of `call`, which must be of `kind` and say `words`."""
    try:
        call()
    except kind as error:
        for word in words:
            assert word in str(error), (word, str(error))
        return error
    raise AssertionError(f"no {kind.__name__}")


def files():
    content = "größe: 1\n".encode()
    file = client.files.create(
        file=("Grüße.txt", content, "text/plain"),
        purpose="assistants",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.object == "file" and file.id.startswith("file-"), file
    assert (file.filename, file.bytes, file.purpose) == ("Grüße.txt", len(content), "assistants"), file
    assert file.expires_at == file.created_at + 3600, file
    assert abs(file.created_at - time.time()) < 60, file
    assert client.files.wait_for_processing(file.id, poll_interval=0.01).status == "processed"
    assert client.files.retrieve(file.id) == file
    answer = client.files.content(file.id)
    assert answer.read() == content
    assert answer.response.headers["content-type"].startswith("text/plain"), answer.response.headers
    deleted = client.files.delete(file.id)
    assert deleted.deleted and deleted.id == file.id and deleted.object == "file", deleted
    raises(openai.NotFoundError, lambda: client.files.retrieve(file.id), "There is no")
    raises(openai.NotFoundError, lambda: client.files.content(file.id))
    raises(openai.NotFoundError, lambda: client.files.delete(file.id))


def pages():
    made = [
        client.files.create(file=(f"{n}.jsonl", b"{}\n"), purpose="batch" if n % 2 else "fine-tune").id
        for n in range(5)
    ]
    assert [file.id for file in client.files.list(limit=2)] == made[::-1]
    assert [file.id for file in client.files.list(limit=2, order="asc")] == made
    assert [file.id for file in client.files.list(purpose="batch")] == [made[3], made[1]]
    page = client.files.list(limit=10_000, after=made[2])
    assert [file.id for file in page.data] == [made[1], made[0]] and page.has_more is False
    assert list(stranger.files.list()) == []
    for file in made:
        client.files.delete(file)
    assert list(client.files.list()) == []


def errors():
    def create(**changes):
        given = {"file": ("a.txt", b"a"), "purpose": "assistants"} | changes
        return client.files.create(**given)

    error = raises(openai.BadRequestError, lambda: create(purpose="world-domination"), "purpose")
    assert error.type == "invalid_request_error" and error.param and error.code, vars(error)
    forever = {"anchor": "created_at", "seconds": 31 * 24 * 3600}
    raises(openai.BadRequestError, lambda: create(expires_after=forever), "2592000")
    no_key = OpenAI(api_key="gos_nonsense", base_url=f"{BASE}/v1", max_retries=0)
    raises(openai.AuthenticationError, no_key.files.list, "API key")
    file = create()
    raises(openai.PermissionDeniedError, lambda: stranger.files.retrieve(file.id))
    raises(openai.PermissionDeniedError, lambda: stranger.files.content(file.id))
    raises(openai.PermissionDeniedError, lambda: stranger.files.delete(file.id))
    client.files.delete(file.id)


def uploads():
    parts = [os.urandom(1000), os.urandom(70_000), b""[:0] + os.urandom(1)]
    whole = b"".join(parts)

    def begin(**changes):
        given = {"filename": "whole.bin", "purpose": "vision", "bytes": len(whole), "mime_type": "image/png"}
        return client.uploads.create(**(given | changes))

    def add(upload):
        return [client.uploads.parts.create(upload.id, data=part) for part in parts]

    upload = begin()
    assert (upload.object, upload.status, upload.bytes) == ("upload", "pending", len(whole)), upload
    assert upload.expires_at > time.time(), upload
    added = add(upload)
    assert all(part.object == "upload.part" and part.upload_id == upload.id for part in added), added
    order = [part.id for part in added]
    md5 = hashlib.md5(whole).hexdigest()
    wrong = hashlib.md5(b"other").hexdigest()
    raises(openai.BadRequestError, lambda: client.uploads.complete(upload.id, part_ids=order, md5=wrong), "md5")
    raises(openai.BadRequestError, lambda: client.uploads.complete(upload.id, part_ids=order[:2]), "bytes")
    done = client.uploads.complete(upload.id, part_ids=order, md5=md5)
    assert done.status == "completed" and done.file.bytes == len(whole), done
    assert done.file.filename == "whole.bin" and done.file.purpose == "vision", done
    assert client.files.content(done.file.id).read() == whole
    impatient = OpenAI(api_key=KEY, base_url=f"{BASE}/v1", max_retries=5)
    start = time.time()
    raises(openai.ConflictError, lambda: impatient.uploads.complete(upload.id, part_ids=order))
    assert time.time() - start < 0.5, "a definite conflict is not tried again"
    cancelled = client.uploads.cancel(begin().id)
    assert cancelled.status == "cancelled" and cancelled.file is None, cancelled
    raises(openai.ConflictError, lambda: client.uploads.parts.create(cancelled.id, data=b"late"))
    client.files.delete(done.file.id)


def chunked():
    with tempfile.NamedTemporaryFile() as source:
        hash = hashlib.sha256()
        for _ in range(0, CHUNKED_BYTES, 1_000_000):
            block = os.urandom(1_000_000)
            hash.update(block)
            source.write(block)
        source.flush()
        upload = client.uploads.upload_file_chunked(
            file=source.name, mime_type="application/octet-stream", purpose="fine-tune"
        )
    assert upload.status == "completed" and upload.file.bytes == CHUNKED_BYTES, upload
    received = hashlib.sha256()
    with client.files.with_streaming_response.content(upload.file.id) as answer:
        for piece in answer.iter_bytes(1 << 20):
            received.update(piece)
    assert received.digest() == hash.digest(), "what came back is not what was sent"
    client.files.delete(upload.file.id)
    memory = io.BytesIO(b"in memory " * 1000)
    upload = client.uploads.upload_file_chunked(
        file=memory.getvalue(),
        filename="memory.txt",
        bytes=10_000,
        mime_type="text/plain",
        purpose="assistants",
        part_size=3000,
    )
    assert client.files.content(upload.file.id).read() == memory.getvalue()
    client.files.delete(upload.file.id)


for check in (files, pages, errors, uploads, chunked):
    start = time.time()
    check()
    print(f"{check.__name__}: {time.time() - start:.2f} s", file=sys.stderr)
