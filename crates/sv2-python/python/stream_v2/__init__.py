"""Parallel, seekable, authenticated encryption of files and objects.

    encrypt, decrypt                 whole files, objects or bytes
    open                             a stream as a binary file that can seek
    AsyncStream                      ranges of a stream, for asyncio
    Key                              what opens streams, by reference or as a secret
    inspect, recipients              what a stream says of itself, without a key
    fingerprint, object_checksum     its identity; its CRC-64/NVME as stores have it
    scrub, verify, salvage           damage found, proved absent, got around
    append, rewrap, recover          more data and other recipients, in place
    protect, repair                  a parity file, and what was lost given back without a key

`stream_v2.parts` seals one object on many machines.

The file system `sv2` puts it under fsspec: pandas, pyarrow, dask, duckdb and zarr read
"sv2::s3://bucket/key" with storage_options={"sv2": {"identity_file": "id.txt"}}.

>>> key = Key.generate()
>>> decrypt(encrypt(b"attack at dawn", to=key), key=key)
b'attack at dawn'
"""

from ._async import AsyncStream
from ._errors import (
    AuthenticationError,
    BeyondRepairError,
    BusyError,
    CancelledError,
    CheckpointError,
    DamagedError,
    InputChangedError,
    MalformedError,
    NoKeyError,
    NotAStreamError,
    StaleParityError,
    Sv2Error,
    UnfinishedChangeError,
    UnsealedError,
    UsageError,
)
from ._files import Reader, Writer, open
from ._native import (
    Damage,
    DamageMap,
    Inspection,
    Key,
    Protection,
    Recipient,
    RepairReport,
    Report,
    RewrapReport,
    SalvageReport,
    __version__,
    append,
    decrypt,
    encrypt,
    fingerprint,
    inspect,
    object_checksum,
    protect,
    recipients,
    recover,
    register,
    repair,
    rewrap,
    salvage,
    scrub,
    unfinished_change,
    unregister,
    verify,
)

__all__ = [
    "AsyncStream",
    "AuthenticationError",
    "BeyondRepairError",
    "BusyError",
    "CancelledError",
    "CheckpointError",
    "Damage",
    "DamageMap",
    "DamagedError",
    "InputChangedError",
    "Inspection",
    "Key",
    "MalformedError",
    "NoKeyError",
    "NotAStreamError",
    "Protection",
    "Reader",
    "Recipient",
    "RepairReport",
    "Report",
    "RewrapReport",
    "SalvageReport",
    "StaleParityError",
    "Sv2Error",
    "UnfinishedChangeError",
    "UnsealedError",
    "UsageError",
    "Writer",
    "__version__",
    "append",
    "decrypt",
    "encrypt",
    "fingerprint",
    "inspect",
    "object_checksum",
    "open",
    "protect",
    "recipients",
    "recover",
    "register",
    "repair",
    "rewrap",
    "salvage",
    "scrub",
    "unfinished_change",
    "unregister",
    "verify",
]
