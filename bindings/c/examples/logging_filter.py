#!/usr/bin/env python3
"""hushlog from Python with ctypes alone: a logging filter, and a stream.

    app 2>&1 | python3 logging_filter.py API_TOKEN DB_PASSWORD      copies a stream with these variables masked
    python3 logging_filter.py --demo API_TOKEN                      logs a record with the value in it

The loader finds the library (ldconfig, LD_LIBRARY_PATH). For more than a script, see
bindings/python.
"""

import ctypes
import logging
import os
import sys


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


lib = ctypes.CDLL("libhushlog.so.0")
HANDLE, OUT = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
SLICES, COUNT = ctypes.POINTER(ctypes.POINTER(Slice)), ctypes.POINTER(ctypes.c_size_t)
lib.hushlog_strerror.restype = ctypes.c_char_p
lib.hushlog_builder_new.restype = HANDLE
for call, types in {
    "hushlog_builder_add": [HANDLE, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t],
    "hushlog_builder_build": [HANDLE, OUT],
    "hushlog_builder_free": [HANDLE],
    "hushlog_stream_new": [HANDLE, ctypes.c_uint, OUT],
    "hushlog_stream_push": [HANDLE, ctypes.c_char_p, ctypes.c_size_t, SLICES, COUNT],
    "hushlog_stream_finish": [HANDLE, SLICES, COUNT],
    "hushlog_stream_free": [HANDLE],
    "hushlog_set_free": [HANDLE],
    "hushlog_redact": [HANDLE, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Slice)],
}.items():
    getattr(lib, call).argtypes = types


def check(code):
    if code < 0:
        raise RuntimeError(lib.hushlog_strerror(code).decode())
    return code


class Secrets:
    """A set of secrets: names and values, as bytes."""

    def __init__(self, secrets):
        builder, self.handle = lib.hushlog_builder_new(), ctypes.c_void_p()
        try:
            for name, value in secrets.items():
                check(lib.hushlog_builder_add(builder, name.encode(), value, len(value)))
            check(lib.hushlog_builder_build(builder, self.handle))
        finally:
            lib.hushlog_builder_free(builder)

    def __del__(self):
        lib.hushlog_set_free(self.handle)

    def redact(self, text):
        record, redacted = text.encode("utf-8", "surrogateescape"), Slice()
        code = lib.hushlog_redact(self.handle, record, len(record), None, 0, redacted)
        if code == 0:
            return text
        room = redacted.len
        buffer = ctypes.create_string_buffer(room)
        check(lib.hushlog_redact(self.handle, record, len(record), buffer, room, redacted))
        return ctypes.string_at(redacted.data, redacted.len).decode("utf-8", "surrogateescape")


class Stream:
    """Bytes in, redacted bytes out."""

    def __init__(self, secrets):
        self.handle = ctypes.c_void_p()
        check(lib.hushlog_stream_new(secrets.handle, 0, self.handle))

    def __del__(self):
        lib.hushlog_stream_free(self.handle)

    def push(self, piece):
        return self._lent(lib.hushlog_stream_push, piece, len(piece))

    def finish(self):
        return self._lent(lib.hushlog_stream_finish)

    def _lent(self, call, *args):
        slices, count = ctypes.POINTER(Slice)(), ctypes.c_size_t()
        check(call(self.handle, *args, slices, count))
        return b"".join(ctypes.string_at(slices[n].data, slices[n].len) for n in range(count.value))


class LoggingFilter(logging.Filter):
    """Masks the formatted message of each record."""

    def __init__(self, secrets):
        super().__init__()
        self.secrets = secrets

    def filter(self, record):
        record.msg, record.args = self.secrets.redact(record.getMessage()), None
        return True


def main(names):
    demo = names[:1] == ["--demo"]
    secrets = Secrets({name: os.environb[name.encode()] for name in names[demo:]})
    if demo:
        logging.basicConfig(format="%(levelname)s %(message)s")
        logging.getLogger().handlers[0].addFilter(LoggingFilter(secrets))
        for name in names[1:]:
            logging.warning("%s is %s", name, os.environ[name])
        return
    stream = Stream(secrets)
    while piece := os.read(0, 1 << 16):
        sys.stdout.buffer.write(stream.push(piece))
        sys.stdout.buffer.flush()
    sys.stdout.buffer.write(stream.finish())


if __name__ == "__main__":
    main(sys.argv[1:])
