"""Keeps secrets out of logs: masks the values of secrets, in all the ways they are usually written, wherever they stand.

    redactor = hushlog.Redactor({"API_TOKEN": token})
    logging.getLogger().handlers[0].addFilter(hushlog.LoggingFilter(redactor))
    sys.stdout = hushlog.redact_stream(sys.stdout, redactor)

It is ctypes over the C library, libhushlog.so.0: a wheel brings it along, otherwise the loader finds it; HUSHLOG_LIBRARY names another.
"""

import atexit
import codecs
import fnmatch
import io
import logging
import os
import threading
import traceback
import weakref

from . import _library
from ._library import Error, Notice

__all__ = ["Error", "LoggingFilter", "Notice", "Redactor", "Stream", "redact_stream"]


def _encode_error(error, escape=codecs.lookup_error("surrogateescape"), keep=codecs.lookup_error("surrogatepass")):
    """The byte that a surrogate of os.fsdecode() stands for; any other half of a pair as it is."""
    first = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    try:
        return escape(first)
    except UnicodeError:
        return keep(first)


def _decode_error(error, escape=codecs.lookup_error("surrogateescape"), keep=codecs.lookup_error("surrogatepass")):
    """The bytes that _encode_error() made of text become that text again."""
    try:
        return keep(error)
    except UnicodeError:
        return escape(error)


codecs.register_error("hushlog-encode", _encode_error)
codecs.register_error("hushlog-decode", _decode_error)


def _encoded(text):
    """The text as bytes, and the error handler that decodes its masked form.

    The rest of a character that a mask cuts is replaced, unless the text itself has surrogates,
    which have to come out as they went in.
    """
    try:
        return text.encode("utf-8"), "replace"
    except UnicodeEncodeError:
        return text.encode("utf-8", "hushlog-encode"), "hushlog-decode"


def _bytes(value):
    """A value in the system's bytes: a surrogate of os.fsdecode() becomes its byte again."""
    if isinstance(value, str):
        return _encoded(value)[0]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    # bytes(4711) would be as many NULs.
    raise TypeError(f"expected str or bytes, not {type(value).__name__}")


class Redactor:
    """The secrets, compiled for searching. It does not change, and any number of threads may use it.

    secrets: names and values, as a mapping. Values are str or bytes; anything else is a TypeError.
    mask: what stands in the place of a secret; "{name}" in it is the secret's name. Default: "[REDACTED:{name}]".
    mask_char: instead of that, a printable ASCII character for each byte.
    encodings: whether encoded forms and telling parts are masked too.
    min_length: shorter values are left alone, with a notice.

    Raises Error if the mask does not fit the secrets, or there are none: pass allow_empty=True to go without.
    """

    def __init__(self, secrets, *, mask=None, mask_char=None, encodings=True, min_length=None, allow_empty=False):
        pairs = [(os.fsdecode(name) if isinstance(name, bytes) else str(name), _bytes(value)) for name, value in secrets.items()]
        self._set = _library.build(pairs, mask, mask_char, encodings, min_length)
        self._finalizer = weakref.finalize(self, _library.lib.hushlog_set_free, self._set)
        self._finalizer.atexit = False
        #: What there is to tell about single secrets: some may be too short to be masked. A list of Notice(name, text, masked).
        self.notices = _library.notices(self._set)
        if not allow_empty and not _library.lib.hushlog_set_needles(self._set):
            raise Error("there is no secret that could be masked")

    @classmethod
    def from_env(cls, *patterns, **options):
        """The variables of the environment whose names match: Redactor.from_env("*_TOKEN", "DB_PASSWORD")."""
        matches = lambda name: any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        found = {os.fsdecode(name): value for name, value in os.environb.items() if matches(os.fsdecode(name)) and value}
        return cls(found, **options)

    def redact(self, text):
        """The text, str or bytes, with every secret masked; the same object if there is none."""
        data, errors = _encoded(text) if isinstance(text, str) else (_bytes(text), None)
        masked = _library.redact(self._set, data)
        if masked is None:
            return text
        return masked.decode("utf-8", errors) if errors else masked

    def __repr__(self):
        return f"<hushlog.Redactor, {_library.lib.hushlog_set_needles(self._set)} needles>"


class Stream:
    """Bytes in, in any pieces, and redacted bytes out: what may begin a secret waits, and nothing else does. For one thread at a time."""

    def __init__(self, redactor, *, keep_stump=False):
        self._handle = _library.stream(redactor._set, keep_stump)
        self._finalizer = weakref.finalize(self, _library.lib.hushlog_stream_free, self._handle)
        self._finalizer.atexit = False

    def push(self, piece):
        if isinstance(piece, str):
            raise TypeError("a stream takes bytes")
        piece = _bytes(piece)
        return _library.lent(_library.lib.hushlog_stream_push, self._handle, piece, len(piece))

    def finish(self):
        """Ends the stream, and gives out what waited. What is pushed from then on is another stream."""
        return _library.lent(_library.lib.hushlog_stream_finish, self._handle)

    def swap(self, redactor):
        """Searches for other secrets from here on; what was found stays masked, and not a byte is lost."""
        return _library.lent(_library.lib.hushlog_stream_swap, self._handle, redactor._set)

    @property
    def held(self):
        """How many bytes wait."""
        return _library.lib.hushlog_stream_held(self._handle)


class LoggingFilter(logging.Filter):
    """Masks secrets in a record: its message with the arguments in it, the text of its exception and stack, and what was added with
    `extra`. Add it to handlers: a filter of a logger does not see what the loggers below it log.

    The record is changed, for all handlers that come after. Arguments and exception are gone from it: they could be printed again.
    Of values in `extra`, text is masked, also within dicts, lists, tuples and sets. Any other object whose str() or repr() shows a
    secret becomes that text, masked; what neither shows (an attribute, a key of a mapping that is no dict) is left as it is.
    """

    # The program chooses these, and formatters print them.
    _NAMES = frozenset({"name", "threadName", "processName", "taskName", "exc_text", "stack_info"})
    _OWN = (frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}) - _NAMES
    _SEQUENCES = (list, tuple, set, frozenset)

    def __init__(self, redactor, name=""):
        super().__init__(name)
        self.redactor = redactor

    def filter(self, record):
        if not super().filter(record):
            return False
        try:
            message = record.getMessage()
        except Exception:  # logging would print the arguments as they are
            message = f"{record.msg!r} (its arguments do not fit: {record.args!r})"
        record.msg, record.args = self.redactor.redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        record.exc_info = None
        for name, value in list(vars(record).items()):
            if name not in self._OWN:
                setattr(record, name, self._masked(value))
        return True

    def _masked(self, value, depth=20):
        if isinstance(value, (str, bytes)):
            masked = self.redactor.redact(value)
            return masked if type(value) in (str, bytes) or masked is not value else self._shown(value)
        if depth and isinstance(value, dict):
            return {self._masked(key, depth - 1): self._masked(item, depth - 1) for key, item in value.items()}
        if isinstance(value, (int, float, type(None))) and type(value).__module__ == "builtins":
            return value
        if depth and isinstance(value, self._SEQUENCES):
            items = [self._masked(item, depth - 1) for item in value]
            if hasattr(value, "_make"):  # a named tuple, as urlparse() gives it
                return value._make(items)
            return next(kind for kind in self._SEQUENCES if isinstance(value, kind))(items)
        return self._shown(value) if depth else "[REDACTED: too deep]"

    def _shown(self, value):
        """The object, unless a formatter would print a secret with it: then what it would print, masked."""
        for show in (str, repr):
            try:
                text = show(value)
            except Exception:  # a formatter gets no more of it
                continue
            masked = self.redactor.redact(text)
            if masked != text:
                return masked
        return value


class _RedactedFile(io.IOBase):
    """A file to write to: text or bytes, as the file behind it. Threads may share it; what they write at once is one stream."""

    def __init__(self, file, redactor):
        self._file, self._lock = file, threading.RLock()
        self._stream = Stream(redactor)
        self._text = isinstance(file, io.TextIOBase) or not isinstance(file, (io.RawIOBase, io.BufferedIOBase))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        atexit.register(_finish_late, weakref.ref(self))

    def write(self, text):
        if self._text and not isinstance(text, str):
            raise TypeError("this file takes text")
        with self._lock:
            data, errors = _encoded(text) if self._text else (_bytes(text), None)
            if errors == "hushlog-decode":
                self._decoder.errors = errors  # from here on: its text may come out later
            self._pass_on(self._stream.push(data))
        return len(text)

    def _pass_on(self, redacted, final=False):
        out = self._decoder.decode(redacted, final) if self._text else redacted
        if out:
            self._file.write(out)

    def finish(self):
        """Ends the stream: gives out what waited."""
        with self._lock:
            self._pass_on(self._stream.finish(), True)
            self._file.flush()

    def flush(self):
        """Flushes the file behind. What may begin a secret waits on."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()

    def close(self):
        """Ends the stream, and closes the file behind."""
        if not self.closed:
            self.finish()
            self._file.close()
            super().close()

    def writable(self):
        return True

    def __getattr__(self, name):
        # What only tells of the file behind; nothing by which one could write past this.
        if name in ("encoding", "errors", "newlines", "isatty", "fileno", "name", "mode"):
            return getattr(self._file, name)
        raise AttributeError(name)

    def isatty(self):
        return self._file.isatty()

    def fileno(self):
        return self._file.fileno()

    def __del__(self):
        pass  # closing is for who opened it; and standard output stays open


def _finish_late(file):
    file = file()
    if file is not None and not file.closed and not file._file.closed:
        file.finish()


def redact_stream(file, redactor):
    """A file to write to, whose secrets are masked before they reach `file`, however the writes cut them. What may begin a secret waits
    for the rest of it, until finish(), close() or the end of the program.

        sys.stdout = hushlog.redact_stream(sys.stdout, redactor)
    """
    return _RedactedFile(file, redactor)
