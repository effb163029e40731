"""The C library through ctypes. See hushlog.h."""

import collections
import ctypes
import os
import pathlib


class Error(Exception):
    """A call of the library failed. Of the caller's data, the text holds only names of secrets."""


#: A notice about a secret: its name, a text, and whether it is masked at all.
Notice = collections.namedtuple("Notice", "name text masked")


class Slice(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t)]


_ABI = 0
_EROOM = -10
_NOT_MASKED = 1, 2, 6
_FUNCTIONS = {
    # name: result and arguments. H: a handle, H*: a pointer to one
    "hushlog_abi_version": "int",
    "hushlog_strerror": "text int",
    "hushlog_builder_new": "H",
    "hushlog_builder_add": "int H text bytes size",
    "hushlog_builder_mask": "int H text",
    "hushlog_builder_mask_char": "int H char",
    "hushlog_builder_encodings": "int H int",
    "hushlog_builder_readings": "int H int",
    "hushlog_builder_min_length": "int H size",
    "hushlog_builder_only": "int H text",
    "hushlog_builder_except": "int H text",
    "hushlog_builder_all": "int H int",
    "hushlog_builder_build": "int H H*",
    "hushlog_builder_failed": "text H",
    "hushlog_builder_free": "none H",
    "hushlog_set_needles": "size H",
    "hushlog_set_notices": "size H",
    "hushlog_set_notice": "int H size text*",
    "hushlog_set_free": "none H",
    "hushlog_stream_new": "int H flags H*",
    "hushlog_stream_push": "int H bytes size slices* size*",
    "hushlog_stream_finish": "int H slices* size*",
    "hushlog_stream_swap": "int H H slices* size*",
    "hushlog_stream_held": "size H",
    "hushlog_stream_free": "none H",
    "hushlog_redact": "int H bytes size H size slice*",
}
_SLICES = ctypes.POINTER(Slice)
_TYPES = {
    "none": None,
    "int": ctypes.c_int,
    "flags": ctypes.c_uint,
    "size": ctypes.c_size_t,
    "char": ctypes.c_char,
    "text": ctypes.c_char_p,
    "bytes": ctypes.c_char_p,
    "H": ctypes.c_void_p,
    "H*": ctypes.POINTER(ctypes.c_void_p),
    "text*": ctypes.POINTER(ctypes.c_char_p),
    "size*": ctypes.POINTER(ctypes.c_size_t),
    "slice*": _SLICES,
    "slices*": ctypes.POINTER(_SLICES),
}


def _load():
    beside = pathlib.Path(__file__).with_name("libhushlog.so.0")
    found = ctypes.CDLL(os.environ.get("HUSHLOG_LIBRARY") or (str(beside) if beside.exists() else "libhushlog.so.0"))
    for name, types in _FUNCTIONS.items():
        gives, *takes = (_TYPES[word] for word in types.split())
        getattr(found, name).restype, getattr(found, name).argtypes = gives, takes
    if found.hushlog_abi_version() != _ABI:
        raise ImportError("libhushlog has another version of its binary interface than this package")
    return found


lib = _load()


def check(code, name=None):
    if code < 0:
        raise Error(lib.hushlog_strerror(code).decode() + (f" ({name})" if name else ""))
    return code


def _pattern(text):
    if "\0" in text:
        raise Error("a pattern of names has a NUL in it")
    return text.encode("utf-8", "replace")


def build(pairs, mask, mask_char, encodings, readings, min_length, only, except_, all):
    builder, handle = lib.hushlog_builder_new(), ctypes.c_void_p()
    try:
        for name, value in pairs:
            if "\0" in name:
                raise Error("a name has a NUL in it")
            check(lib.hushlog_builder_add(builder, name.encode("utf-8", "replace"), value, len(value)), name)
        if mask is not None:
            check(lib.hushlog_builder_mask(builder, mask.encode()))
        if mask_char is not None:
            check(lib.hushlog_builder_mask_char(builder, mask_char.encode()))
        if min_length is not None:
            check(lib.hushlog_builder_min_length(builder, min_length))
        check(lib.hushlog_builder_encodings(builder, bool(encodings)))
        if readings is not None:
            check(lib.hushlog_builder_readings(builder, bool(readings)))
        check(lib.hushlog_builder_all(builder, bool(all)))
        for pattern in only:
            check(lib.hushlog_builder_only(builder, _pattern(pattern)))
        for pattern in except_:
            check(lib.hushlog_builder_except(builder, _pattern(pattern)))
        code = lib.hushlog_builder_build(builder, handle)
        failed = lib.hushlog_builder_failed(builder)
        check(code, failed and failed.decode())
    finally:
        lib.hushlog_builder_free(builder)
    return handle


def notices(handle):
    found, name = [], ctypes.c_char_p()
    for index in range(lib.hushlog_set_notices(handle)):
        kind = check(lib.hushlog_set_notice(handle, index, name))
        found.append(Notice(name.value.decode(), lib.hushlog_strerror(kind).decode(), kind not in _NOT_MASKED))
    return found


def stream(handle, keep_partial):
    made = ctypes.c_void_p()
    check(lib.hushlog_stream_new(handle, bool(keep_partial), made))
    return made


def lent(call, *args):
    slices, count = _SLICES(), ctypes.c_size_t()
    check(call(*args, slices, count))
    return b"".join(ctypes.string_at(slices[n].data, slices[n].len) for n in range(count.value))


def redact(handle, record):
    """The masked record; None if there is nothing to mask."""
    redacted = Slice()
    code = lib.hushlog_redact(handle, record, len(record), None, 0, redacted)
    if code == 0:
        return None
    if code == _EROOM:
        room = redacted.len
        buffer = ctypes.create_string_buffer(room)
        code = lib.hushlog_redact(handle, record, len(record), buffer, room, redacted)
    check(code)
    return ctypes.string_at(redacted.data, redacted.len)
