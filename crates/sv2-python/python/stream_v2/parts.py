"""One stream that many machines seal by parts, and one that they open by ranges.

    plan, seal, finish, verify       by hand: any engine, any store
    encrypt_object, decrypt_object   the same from URL to URL, with an engine's own map
    verify_object                    damage found by parts, without a key
    rewrap_object                    other recipients of an object, whose data stay in the store

A plan is a job: what is to be sealed, and the key of its segments sealed to the job's identity. It
holds no secret in the clear, so it may travel in closures and pickles. Each machine has the
identity by reference, a file or an environment variable of its own; a `Key` that holds a secret is
refused here.

Tasks may be retried, lost, reordered, and run twice at the same time. A salt is drawn by each
sealing, so no attempt repeats the keys of another, and the receipt that counts is that of the
bytes in the store.

>>> job = Key.generate()
>>> register("job", job)
>>> worker = Key.registered("job")
>>> text = bytes(9 << 20)
>>> planned = plan(len(text), to=job, job=worker, part_size=5 << 20)
>>> receipts, stored, stream = [], [], b""
>>> for number in range(1, planned.parts + 1):
...     start, end = planned.plaintext(number)
...     part = seal(planned, number, text[start:end], identity=worker, size=len(text))
...     stream += part.data
...     receipts.append(part.receipt(b"etag"))
...     stored.append((number, b"etag", part.crc64))
>>> verify(planned, 1, stream[:planned.stream(1)[1]])
[]
>>> done = finish(planned, receipts, stored)
>>> decrypt(stream + done.tail, key=job) == text
True
>>> done.checksum == object_checksum(stream + done.tail)
True
"""

from ._objects import decrypt_object, encrypt_object, verify_object
from ._parts import Finished, Plan, SealedPart, finish, plan, seal, verify
from ._rewrites import rewrap_object

__all__ = [
    "Finished",
    "Plan",
    "SealedPart",
    "decrypt_object",
    "encrypt_object",
    "finish",
    "plan",
    "rewrap_object",
    "seal",
    "verify",
    "verify_object",
]
