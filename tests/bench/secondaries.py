"""Secondaries that transfer a zone, all of them at the same time, again and again."""

import selectors
import socket
import struct
import time

# AXFR of tf.local.
REQUEST = struct.pack("!H6H", 26, 7, 0, 1, 0, 0, 0) + b"\2tf\5local\0" + struct.pack("!2H", 252, 1)
SOA = 6


def owner_end(message, at):
    """Where the name at an offset ends."""
    while True:
        length = message[at]
        if length >= 0xc0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at


def soas_in(message):
    """The number of SOA records in a message: a transfer begins with one, and ends with another."""
    questions, answers = struct.unpack_from("!2H", message, 4)
    if message[3] & 0x0f:
        raise SystemExit(f"a transfer is refused: code {message[3] & 0x0f}")
    at = 12
    for _ in range(questions):
        at = owner_end(message, at) + 4
    count = 0
    for _ in range(answers):
        at = owner_end(message, at)
        rrtype, length = struct.unpack_from("!H6xH", message, at)
        count += rrtype == SOA
        at += 10 + length
    return count


def transfer_octets(server):
    """The octets of a transfer, with the lengths before its messages."""
    with socket.create_connection(server, timeout=10) as tcp, tcp.makefile("rb") as stream:
        tcp.sendall(REQUEST)
        octets, soas = 0, 0
        while soas < 2:
            head = stream.read(2)
            message = stream.read(struct.unpack("!H", head)[0])
            octets, soas = octets + 2 + len(message), soas + soas_in(message)
        return octets


def run(server, count, octets, pause, tell):
    """Has so many transfers at once, and so again after a pause. `tell` is called with the number of those that
    came whole after each time."""
    addresses = [f"127.3.{number // 250}.{number % 250 + 1}" for number in range(count)]
    while True:
        done, left = 0, {}
        with selectors.DefaultSelector() as selector:
            for address in addresses:
                tcp = socket.create_connection(server, timeout=10, source_address=(address, 0))
                tcp.sendall(REQUEST)
                tcp.settimeout(0)
                left[tcp] = octets
                selector.register(tcp, selectors.EVENT_READ)
            while left:
                for key, _ in selector.select():
                    tcp = key.fileobj
                    piece = tcp.recv(1 << 18)
                    left[tcp] -= len(piece)
                    if left[tcp] > 0 and piece:
                        continue
                    done += left[tcp] == 0
                    selector.unregister(tcp)
                    tcp.close()
                    del left[tcp]
        tell(done)
        time.sleep(pause)
