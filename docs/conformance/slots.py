# SPDX-License-Identifier: MIT OR Apache-2.0
"""Key slots of kind 1, section 3.3: their structure, and the little of age v1 that opens those of the vectors.

reference.py checks the structure whoever reads; runner.py opens slots by an X25519 identity or a passphrase.
"""
import base64, hashlib, hmac, re
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_WORK_FACTOR = 20                                                    # F-326: the default limit of a reader
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)")
MAC = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


def unbase64(text):
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def canonical_base64(text):
    try:
        return base64.b64encode(unbase64(text)).rstrip(b"=") == text
    except ValueError:
        return False


def age_stanzas(file):
    """The arguments of each stanza of a binary age v1 file with a payload of 32 bytes, or None (F-320)."""
    first, stanzas = b"age-encryption.org/v1\n", []
    if not file.startswith(first):
        return None
    pos = len(first)
    while stanza := STANZA.match(file, pos):
        args = stanza[1].split(b" ")
        if not canonical_base64(stanza[2].replace(b"\n", b"")):
            return None
        if args[0] == b"scrypt" and not re.fullmatch(rb"[1-9][0-9]?", args[-1]):
            return None
        stanzas.append(args)
        pos = stanza.end()
    end = MAC.match(file, pos)
    return stanzas if stanzas and end and canonical_base64(end[1]) and len(file) - end.end() == 64 else None


def structure_fault(slots):
    """What breaks F-320 or F-321 in a list of (kind, bytes), or None."""
    scrypts = 0
    for kind, file in slots:
        if kind == 1:
            stanzas = age_stanzas(file)
            if stanzas is None:
                return "age file of a slot"
            if any(args[0] == b"scrypt" for args in stanzas):
                scrypts += 1
                if len(stanzas) > 1 or scrypts > 1:
                    return "scrypt stanza"
    return None


def secret_key(identity):
    """The 32 bytes of AGE-SECRET-KEY-1.., whose six digits of checksum are not looked at."""
    value = 0
    digits = identity.lower().rpartition("1")[2][:-6]
    for digit in digits:
        value = value << 5 | BECH32.index(digit)
    return (value >> len(digits) * 5 - 256).to_bytes(32, "big")


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


def keys_in(slots, identities, passphrase):
    """The stream key in each slot that opens, in the order of the slots (F-326, F-327)."""
    for kind, file in slots:
        if kind == 1 and (key := open_slot(file, identities, passphrase)):
            yield key


def open_slot(file, identities, passphrase):
    """The stream key in an age file whose structure was checked, or None where nothing opens it."""
    head, _, rest = file.partition(b"\n--- ")
    text, _, payload = rest.partition(b"\n")
    for stanza in head.split(b"\n-> ")[1:]:
        line, _, body = stanza.partition(b"\n")
        args = line.split(b" ")
        if args[0] == b"scrypt" and int(args[-1]) > MAX_WORK_FACTOR:
            return None
        key = file_key(args, unbase64(body.replace(b"\n", b"")), identities, passphrase)
        if key and hmac.compare_digest(hmac.digest(hkdf(key, b"", b"header"), head + b"\n---", "sha256"), unbase64(text)):
            nonce = bytes(11) + b"\1"                                   # the first chunk, which is the last
            try:
                return ChaCha20Poly1305(hkdf(key, payload[:16], b"payload")).decrypt(nonce, payload[16:], b"")
            except InvalidTag:
                return None
    return None
