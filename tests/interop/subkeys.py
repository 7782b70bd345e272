#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the test of subkeys needs and no tool does.

subkeys.py text IMAGE               prints the text that the image's last signature signs
subkeys.py put IMAGE MESSAGE HEX    puts a clear-signed message by the key HEX in that signature's place
subkeys.py strip KEY                prints a key whose subkey has not signed back (signature 0x19 in its binding)
"""
import struct
import sys

TABLE, SLOT, SLOTS, SIGNATURE = 4096, 585, 48, 0x4005
EMBEDDED = 32


def signature_slot(image):
    slots = [TABLE + SLOT * i for i in range(SLOTS)]
    return [at for at in slots if struct.unpack_from("<iB", image, at) == (SIGNATURE, 1)][-1]


def place(image):
    return struct.unpack_from("<qq", image, signature_slot(image) + 17)


def text(path):
    image = open(path, "rb").read()
    offset, size = place(image)
    sys.stdout.write(image[offset : offset + size].decode().split("\n\n", 1)[1].split("\n-----BEGIN PGP SIGNATURE")[0])


def put(path, message_path, fingerprint):
    image = bytearray(open(path, "rb").read())
    message = open(message_path, "rb").read()
    slot, (offset, _) = signature_slot(image), place(image)
    struct.pack_into("<q", image, slot + 25, len(message))
    image[slot + 205 : slot + 225] = bytes.fromhex(fingerprint)
    open(path, "wb").write(image[:offset] + message)


def packets(data):
    at = 0
    while at < len(data):
        if data[at] & 0x40:
            first = data[at + 1]
            length, header = (first, 2) if first < 192 else (((first - 192) << 8) + data[at + 2] + 192, 3)
            tag = data[at] & 0x3F
        else:
            octets = 1 << (data[at] & 3)
            length, header, tag = int.from_bytes(data[at + 1 : at + 1 + octets], "big"), 1 + octets, data[at] >> 2 & 15
        yield tag, data[at : at + header + length], header
        at += header + length


def without_back_signature(body):
    hashed = struct.unpack(">H", body[4:6])[0]
    area_at = 8 + hashed
    area = body[area_at : area_at + struct.unpack(">H", body[area_at - 2 : area_at])[0]]
    kept, at = b"", 0
    while at < len(area):
        length, octets = (area[at], 1) if area[at] < 192 else (((area[at] - 192) << 8) + area[at + 1] + 192, 2)
        if area[at + octets] != EMBEDDED:
            kept += area[at : at + octets + length]
        at += octets + length
    assert kept != area
    return body[: area_at - 2] + struct.pack(">H", len(kept)) + kept + body[area_at + len(area) :]


def strip(path):
    *before, (tag, packet, header) = packets(open(path, "rb").read())
    assert tag == 2
    body = without_back_signature(packet[header:])
    sys.stdout.buffer.write(b"".join(whole for _, whole, _ in before) + b"\xc2\xff" + struct.pack(">I", len(body)) + body)


{"text": text, "put": put, "strip": strip}[sys.argv[1]](*sys.argv[2:])
