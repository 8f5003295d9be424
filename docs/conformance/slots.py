# SPDX-License-Identifier: MIT OR Apache-2.0
"""Key slots of kind 1 opened by an X25519 identity or a passphrase: the little of age v1 that the vectors need.

runner.py uses it for the role `slots`; the structure of slots is checked in reference.py, whoever reads.
"""
import base64, hashlib, hmac
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_WORK_FACTOR = 20                                                    # F-326: the default limit of a reader
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def secret_key(identity):
    """The 32 bytes of AGE-SECRET-KEY-1.., whose six digits of checksum are not looked at."""
    value = 0
    digits = identity.lower().rpartition("1")[2][:-6]
    for digit in digits:
        value = value << 5 | BECH32.index(digit)
    return (value >> len(digits) * 5 - 256).to_bytes(32, "big")


def unbase64(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def hkdf(secret, salt, info):
    return HKDF(SHA256(), 32, salt, info).derive(secret)


def unwrap(key, body):
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(12), body, b"")
    except InvalidTag:
        return None


def file_key(args, body, identities, passphrase):
    """The file key in one stanza, where an identity or the passphrase opens it."""
    if args[0] == b"X25519" and len(args) == 2:
        share = unbase64(args[1])
        for identity in identities:
            secret = X25519PrivateKey.from_private_bytes(secret_key(identity))
            own = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
            if key := unwrap(hkdf(shared, share + own, b"age-encryption.org/v1/X25519"), body):
                return key
    if args[0] == b"scrypt" and len(args) == 3 and passphrase is not None:
        salt, cost = b"age-encryption.org/v1/scrypt" + unbase64(args[1]), 1 << int(args[2])
        return unwrap(hashlib.scrypt(passphrase.encode(), salt=salt, n=cost, r=8, p=1, maxmem=2048 * cost, dklen=32), body)
    return None


def open_slot(file, identities, passphrase):
    """The stream key in an age file whose structure was checked, None where nothing opens it, or False where it is skipped."""
    head, _, rest = file.partition(b"\n--- ")
    text, _, payload = rest.partition(b"\n")
    for stanza in head.split(b"\n-> ")[1:]:
        line, _, body = stanza.partition(b"\n")
        args = line.split(b" ")
        if args[0] == b"scrypt" and int(args[-1]) > MAX_WORK_FACTOR:
            return False
        key = file_key(args, unbase64(body.replace(b"\n", b"")), identities, passphrase)
        if key and hmac.compare_digest(hmac.digest(hkdf(key, b"", b"header"), head + b"\n---", "sha256"), unbase64(text)):
            nonce = bytes(11) + b"\1"                                   # the first chunk, which is the last
            try:
                return ChaCha20Poly1305(hkdf(key, payload[:16], b"payload")).decrypt(nonce, payload[16:], b"")
            except InvalidTag:
                return None
    return None
