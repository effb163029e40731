"""Keeps secrets out of logs: masks the values of secrets and their usual encodings.

    redactor = hushlog.Redactor({"API_TOKEN": token})
    logging.getLogger().handlers[0].addFilter(hushlog.LoggingFilter(redactor))
    sys.stdout = hushlog.redact_stream(sys.stdout, redactor)

The package uses the C library, libhushlog.so.0, through ctypes. A wheel contains it; otherwise the
loader finds it. HUSHLOG_LIBRARY names another one.
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
    """The byte of a surrogate from os.fsdecode(); any other lone surrogate unchanged."""
    first = UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)
    try:
        return escape(first)
    except UnicodeError:
        return keep(first)


def _decode_error(error, escape=codecs.lookup_error("surrogateescape"), keep=codecs.lookup_error("surrogatepass")):
    """The inverse of _encode_error()."""
    try:
        return keep(error)
    except UnicodeError:
        return escape(error)


codecs.register_error("hushlog-encode", _encode_error)
codecs.register_error("hushlog-decode", _decode_error)


def _encoded(text):
    """The text as bytes, and the error handler that decodes its masked form.

    The rest of a character that a mask cuts is replaced, unless the text itself has surrogates,
    which must survive unchanged.
    """
    try:
        return text.encode("utf-8"), "replace"
    except UnicodeEncodeError:
        return text.encode("utf-8", "hushlog-encode"), "hushlog-decode"


def _bytes(value):
    """A value as bytes: a surrogate from os.fsdecode() becomes its byte again."""
    if isinstance(value, str):
        return _encoded(value)[0]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    # bytes(4711) would be 4711 NULs.
    raise TypeError(f"expected str or bytes, not {type(value).__name__}")


def _patterns(patterns):
    """One pattern, or several."""
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


class Redactor:
    """The secrets, compiled for searching. Immutable; any number of threads may use it.

    secrets: names and values, as a mapping. Values are str or bytes; anything else is a TypeError.
    mask: the mask; "{name}" in it is the secret's name. Default: "[REDACTED:{name}]".
    mask_char: instead of that, a printable ASCII character for each byte.
    encodings: whether encoded forms and identifying parts are masked too.
    readings: whether the text is also searched with its escapes undone. Default: as encodings.
    min_length: shorter values are skipped, with a notice.
    only, except_: patterns of the names that are masked, and that are not: "*_TOKEN".
    all: whether values that cannot be secrets, such as 8080 or "production", are masked. With
        all=False they are skipped, with a notice, unless their names say that they are credentials.

    Raises Error if the mask does not fit the secrets, or there are none, unless allow_empty=True.
    """

    def __init__(
        self,
        secrets,
        *,
        mask=None,
        mask_char=None,
        encodings=True,
        readings=None,
        min_length=None,
        allow_empty=False,
        only=(),
        except_=(),
        all=True,
    ):
        pairs = [(os.fsdecode(name) if isinstance(name, bytes) else str(name), _bytes(value)) for name, value in secrets.items()]
        selection = _patterns(only), _patterns(except_), all
        self._set = _library.build(pairs, mask, mask_char, encodings, readings, min_length, *selection)
        self._finalizer = weakref.finalize(self, _library.lib.hushlog_set_free, self._set)
        self._finalizer.atexit = False
        #: A list of Notice(name, text, masked): for example, a value may be too short to be masked.
        self.notices = _library.notices(self._set)
        if not allow_empty and not _library.lib.hushlog_set_needles(self._set):
            raise Error("there is no secret that could be masked")

    @classmethod
    def from_env(cls, *patterns, all=False, **options):
        """The variables with matching names: Redactor.from_env("*_TOKEN", "DB_PASSWORD").

        As with the program, values that cannot be secrets are skipped, unless all=True.
        """
        matches = lambda name: any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        found = {os.fsdecode(name): value for name, value in os.environb.items() if matches(os.fsdecode(name)) and value}
        return cls(found, all=all, **options)

    def redact(self, text):
        """The text, str or bytes, with every secret masked; the same object if it holds none."""
        data, errors = _encoded(text) if isinstance(text, str) else (_bytes(text), None)
        masked = _library.redact(self._set, data)
        if masked is None:
            return text
        return masked.decode("utf-8", errors) if errors else masked

    def __repr__(self):
        return f"<hushlog.Redactor, {_library.lib.hushlog_set_needles(self._set)} needles>"


class Stream:
    """Bytes in, in any pieces, and redacted bytes out. For one thread at a time.

    Only bytes that may begin a secret are held back.
    """

    def __init__(self, redactor, *, keep_partial=False):
        self._handle = _library.stream(redactor._set, keep_partial)
        self._finalizer = weakref.finalize(self, _library.lib.hushlog_stream_free, self._handle)
        self._finalizer.atexit = False

    def push(self, piece):
        if isinstance(piece, str):
            raise TypeError("a stream takes bytes")
        piece = _bytes(piece)
        return _library.lent(_library.lib.hushlog_stream_push, self._handle, piece, len(piece))

    def finish(self):
        """Ends the stream, and returns the held-back bytes. The next push begins another stream."""
        return _library.lent(_library.lib.hushlog_stream_finish, self._handle)

    def swap(self, redactor):
        """Replaces the secrets. Matches already found stay masked, and no byte is lost."""
        return _library.lent(_library.lib.hushlog_stream_swap, self._handle, redactor._set)

    @property
    def held(self):
        """The number of held-back bytes."""
        return _library.lib.hushlog_stream_held(self._handle)


class LoggingFilter(logging.Filter):
    """Masks secrets in a record: its formatted message, the text of its exception and stack, and
    the values of `extra`. Add it to handlers: a logger's filter does not see the records of its
    children.

    The record changes for all later handlers. It loses arguments and exception, which could be
    printed again. In `extra`, text is masked, also within dicts, lists, tuples and sets. If the
    str() or repr() of any other object shows a secret, that text replaces it, masked. Parts that
    neither shows (an attribute, a key of a mapping that is not a dict) stay unchanged.
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
        except Exception:  # logging would print the arguments unmasked
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
            if hasattr(value, "_make"):  # a named tuple, such as a result of urlparse()
                return value._make(items)
            return next(kind for kind in self._SEQUENCES if isinstance(value, kind))(items)
        return self._shown(value) if depth else "[REDACTED: too deep]"

    def _shown(self, value):
        """The object; or, if a formatter would print a secret from it, the printed text, masked."""
        for show in (str, repr):
            try:
                text = show(value)
            except Exception:  # a formatter fails in the same way
                continue
            masked = self.redactor.redact(text)
            if masked != text:
                return masked
        return value


class _RedactedFile(io.IOBase):
    """A writable file for text or bytes, like the underlying file.

    Threads may share it; their writes form one stream.
    """

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
                self._decoder.errors = errors  # permanent: the text may leave in a later write
            self._pass_on(self._stream.push(data))
        return len(text)

    def _pass_on(self, redacted, final=False):
        out = self._decoder.decode(redacted, final) if self._text else redacted
        if out:
            self._file.write(out)

    def finish(self):
        """Ends the stream, and writes the held-back bytes."""
        with self._lock:
            self._pass_on(self._stream.finish(), True)
            self._file.flush()

    def flush(self):
        """Flushes the underlying file. Bytes that may begin a secret stay held back."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()

    def close(self):
        """Ends the stream, and closes the underlying file."""
        if not self.closed:
            self.finish()
            self._file.close()
            super().close()

    def writable(self):
        return True

    def __getattr__(self, name):
        # Read-only properties of the underlying file; nothing that could bypass this.
        if name in ("encoding", "errors", "newlines", "isatty", "fileno", "name", "mode"):
            return getattr(self._file, name)
        raise AttributeError(name)

    def isatty(self):
        return self._file.isatty()

    def fileno(self):
        return self._file.fileno()

    def __del__(self):
        pass  # the opener closes it, and standard output stays open


def _finish_late(file):
    file = file()
    if file is not None and not file.closed and not file._file.closed:
        file.finish()


def redact_stream(file, redactor):
    """A writable file that masks secrets before they reach `file`, however the writes cut them.

    Bytes that may begin a secret are held back until the rest arrives, or until finish(), close()
    or the end of the program.

        sys.stdout = hushlog.redact_stream(sys.stdout, redactor)
    """
    return _RedactedFile(file, redactor)
