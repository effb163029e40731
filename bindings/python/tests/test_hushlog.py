"""python3 -m unittest discover bindings/python/tests

PYTHONPATH leads to the package, HUSHLOG_LIBRARY to the library.
"""

import base64
import collections
import io
import logging
import os
import subprocess
import sys
import threading
import types
import unittest
import urllib.parse

import hushlog

VALUE = "sk-live-4f9QzX"
MASK = "[REDACTED:TOKEN]"


def redactor(**options):
    return hushlog.Redactor({"TOKEN": VALUE, "DB_URL": "postgres://app:pa$s-4f9@db/app"}, **options)


class Records(unittest.TestCase):
    def test_text_and_bytes(self):
        r = redactor()
        self.assertEqual(r.redact(f"a {VALUE} b"), f"a {MASK} b")
        self.assertEqual(r.redact(f"a {VALUE} b".encode()), f"a {MASK} b".encode())
        self.assertEqual(r.redact("password pa%24s-4f9"), "password [REDACTED:DB_URL]")
        self.assertEqual(r.redact(base64.b64encode(b"user:" + VALUE.encode()).decode())[-len(MASK):][:5], "[REDA")
        clean = "clean, with \ud800 and \udcff and \0 in it"
        self.assertIs(r.redact(clean), clean)
        self.assertEqual(r.redact(clean + VALUE), clean + MASK)

    def test_options(self):
        self.assertEqual(redactor(mask="<{name}>").redact(VALUE), "<TOKEN>")
        self.assertEqual(redactor(mask_char="*").redact(VALUE), "*" * len(VALUE))
        encoded = base64.b64encode(VALUE.encode()).decode()
        self.assertEqual(redactor(encodings=False).redact(encoded), encoded)
        escaped = VALUE.replace("-", "\\u002d")
        self.assertEqual(redactor().redact(escaped), MASK)
        self.assertEqual(redactor(encodings=False).redact(escaped), escaped)
        self.assertEqual(redactor(encodings=False, readings=True).redact(f"{escaped} {encoded}"), f"{MASK} {encoded}")
        self.assertEqual(redactor(readings=False).redact(escaped), escaped)
        self.assertTrue(redactor(readings=False).redact(encoded).startswith(MASK))
        with self.assertRaisesRegex(hushlog.Error, r"end with a secret \(TOKEN\)$"):
            redactor(mask=VALUE[:3])

    def test_notices_and_no_secrets(self):
        r = hushlog.Redactor({"PIN": "12345", "TINY": "abc", "TOKEN": VALUE})
        self.assertEqual([(n.name, n.masked) for n in r.notices], [("PIN", True), ("TINY", False)])
        for secrets in ({}, {"TINY": "abc"}):
            with self.assertRaisesRegex(hushlog.Error, "no secret"):
                hushlog.Redactor(secrets)
            self.assertEqual(hushlog.Redactor(secrets, allow_empty=True).redact(VALUE), VALUE)

    def test_environment(self):
        os.environ["HL_TEST_TOKEN"] = VALUE
        self.assertEqual(hushlog.Redactor.from_env("HL_*_TOKEN").redact(VALUE), "[REDACTED:HL_TEST_TOKEN]")
        with self.assertRaises(hushlog.Error):
            hushlog.Redactor.from_env("NO_SUCH_*")

    def test_names_and_settings(self):
        settings = {"PORT": "8080", "TEAM": "blue-team", "TOKEN": VALUE}
        text = f"8080 blue-team {VALUE}"
        redact = lambda **options: hushlog.Redactor(settings, mask_char="*", **options).redact(text)
        self.assertEqual(redact(), f"**** ********* {'*' * len(VALUE)}")
        self.assertEqual(redact(all=False), f"8080 blue-team {'*' * len(VALUE)}")
        self.assertEqual(redact(only="T*", except_=["TOK*"]), f"8080 ********* {VALUE}")
        left = [n.name for n in hushlog.Redactor(settings, all=False).notices if not n.masked]
        self.assertEqual(left, ["PORT", "TEAM"])
        for pattern in ("[", "a\0"):
            with self.assertRaisesRegex(hushlog.Error, "pattern"):
                hushlog.Redactor(settings, only=pattern)
        os.environ.update({"HL_PORT": "8080", "HL_KEY": VALUE})
        self.assertEqual(hushlog.Redactor.from_env("HL_*").redact("8080"), "8080")
        self.assertEqual(hushlog.Redactor.from_env("HL_*", all=True).redact("8080"), "[REDACTED:HL_PORT]")

    def test_a16_what_is_not_utf8_is_masked_in_text_as_in_bytes(self):
        value = b"caf\xe9-\xff-4f9QzX"
        text = os.fsdecode(value)
        for given in (value, text, bytearray(value), memoryview(value)):
            r = hushlog.Redactor({"TOKEN": given})
            self.assertEqual(r.redact(b"a " + value + b" b"), f"a {MASK} b".encode())
            self.assertEqual(r.redact(f"\udcff a {text} \ud800 \udc80b"), f"\udcff a {MASK} \ud800 \udc80b")
            out = io.StringIO()
            file = hushlog.redact_stream(out, r)
            for letter in f"ä\udcfe {text}\ud800\n":
                file.write(letter)
            file.finish()
            self.assertEqual(out.getvalue(), f"ä\udcfe {MASK}\ud800\n")

    def test_a16_what_is_left_of_a_character_can_be_printed(self):
        r = hushlog.Redactor({"TOKEN": "4f9QzX-ä".encode()[:-1]})
        self.assertEqual(r.redact("4f9QzX-ä"), f"{MASK}\N{REPLACEMENT CHARACTER}")

    def test_a16_what_is_neither_text_nor_bytes_is_refused(self):
        for value in (471147, None, 4.7, True, ["secret"], {"a": 1}, object()):
            with self.assertRaisesRegex(TypeError, "expected str or bytes"):
                hushlog.Redactor({"PIN": value})
            with self.assertRaises(TypeError):
                redactor().redact(value)
            with self.assertRaises(TypeError):
                hushlog.Stream(redactor()).push(value)
        with self.assertRaises(TypeError):
            hushlog.Stream(redactor()).push("text")
        self.assertEqual(redactor().redact("\0" * 471147), "\0" * 471147)

    def test_no_value_in_what_it_says_of_itself(self):
        shown = repr(redactor()) + repr(vars(redactor())) + repr(redactor().notices)
        self.assertNotIn(VALUE, shown)

    def test_threads_share_one(self):
        r, wrong = redactor(), []

        def work():
            stream = hushlog.Stream(r)
            for _ in range(200):
                out = b"".join(stream.push(bytes([byte])) for byte in VALUE.encode()) + stream.finish()
                wrong.extend([out] if out != MASK.encode() or r.redact(VALUE) != MASK else [])

        threads = [threading.Thread(target=work) for _ in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        self.assertEqual(wrong, [])


class Streams(unittest.TestCase):
    def test_every_cut(self):
        text = f"x{VALUE}y".encode()
        for cut in range(len(text)):
            stream = hushlog.Stream(redactor())
            self.assertEqual(stream.push(text[:cut]) + stream.push(text[cut:]) + stream.finish(), f"x{MASK}y".encode())

    def test_what_waits_and_swap(self):
        stream = hushlog.Stream(redactor())
        self.assertEqual((stream.push(b"ab sk-li"), stream.held), (b"ab ", 5))
        self.assertEqual(stream.swap(hushlog.Redactor({"OTHER": "another one"})), b"sk-li")
        self.assertEqual(stream.push(b"an another one"), b"an [REDACTED:OTHER]")

    def test_files(self):
        text, binary = io.StringIO(), io.BytesIO()
        out = hushlog.redact_stream(text, redactor())
        for letter in f"ä {VALUE} ö\ud800\n":
            self.assertEqual(out.write(letter), 1)
        out.finish()
        self.assertEqual(text.getvalue(), f"ä {MASK} ö\ud800\n")
        with self.assertRaises(TypeError):
            out.write(b"bytes")
        out = hushlog.redact_stream(binary, redactor())
        out.write(b"\xff sk-live-")
        out.flush()
        self.assertEqual(binary.getvalue(), b"\xff ")
        out.write(b"4f9QzX")
        self.assertEqual(binary.getvalue(), b"\xff " + MASK.encode())
        out.close()
        self.assertTrue(binary.closed)

    def test_standard_output_to_the_end_of_the_program(self):
        program = (
            "import sys, hushlog; r = hushlog.Redactor({'TOKEN': sys.stdin.read()});"
            "sys.stdout = hushlog.redact_stream(sys.stdout, r);"
            "print('sk-live-', end='', flush=True); print('4f9QzX', file=sys.stdout); print('sk-li', end='')"
        )
        ran = subprocess.run([sys.executable, "-c", program], input=VALUE, capture_output=True, text=True, timeout=60)
        self.assertEqual((ran.stdout, ran.stderr), (f"{MASK}\nsk-li", ""))


class Logging(unittest.TestCase):
    def setUp(self):
        self.out = io.StringIO()
        handler = logging.StreamHandler(self.out)
        handler.setFormatter(logging.Formatter("%(message)s|%(extra)s", defaults={"extra": None}))
        handler.addFilter(hushlog.LoggingFilter(redactor()))
        self.log = logging.Logger("test")
        self.log.addHandler(handler)

    def said(self):
        self.assertNotIn(VALUE, self.out.getvalue())
        return self.out.getvalue()

    def test_message_and_arguments(self):
        self.log.warning("token %s of %d", VALUE, 1)
        self.log.warning("half sk-live-%s", "4f9QzX")
        self.log.warning(ValueError(VALUE))
        self.assertEqual(self.said(), f"token {MASK} of 1|None\nhalf {MASK}|None\n{MASK}|None\n")

    def test_exception_and_stack(self):
        try:
            raise ValueError(f"no such key: {VALUE}")
        except ValueError:
            self.log.exception("failed", stack_info=True)
        self.assertIn(f"ValueError: no such key: {MASK}", self.said())
        self.assertIn("Traceback (most recent call last)", self.said())

    def test_extra(self):
        self.log.warning("x", extra={"extra": {"list": [VALUE, 1, ("a", VALUE)]}})
        self.assertEqual(self.said(), f"x|{{'list': ['{MASK}', 1, ('a', '{MASK}')]}}\n")

    def test_b12_whatever_a_formatter_would_print_is_masked(self):
        class Shows:
            def __init__(self, text):
                self.text = text

            def __repr__(self):
                return f"Shows({self.text})"

        class Silent(str):
            def __str__(self):
                return VALUE

        url = urllib.parse.urlparse(f"https://user:{VALUE}@host/")
        deep = Shows(VALUE)
        for value in (url, Shows(VALUE), ValueError(VALUE), {VALUE}, frozenset({VALUE}), Silent("x"), collections.deque([VALUE]),
                      types.MappingProxyType({"a": VALUE}), bytearray(VALUE.encode()), {"a": [deep, (url, {VALUE: deep})]}):
            self.log.warning("x", extra={"extra": value})
            self.log.warning("x", extra={"extra": (value, [value])})
        self.assertEqual(self.said().count("\n"), 20)
        masked = self.log.handlers[0].filters[0]._masked
        self.assertEqual((masked(url), type(masked(url))), (url._replace(netloc=f"user:{MASK}@host"), type(url)))
        for value in (None, 1, 2.5, True, "text", [1, ("a",)], {1, 2}, {"a": (1,)}, url._replace(netloc="host"), b"bytes"):
            self.assertEqual((masked(value), type(masked(value))), (value, type(value)))
        plain = Shows("nothing")
        self.assertIs(masked(plain), plain)

    def test_b12_names_in_a_record_are_masked(self):
        self.log.handlers[0].setFormatter(logging.Formatter("%(name)s %(threadName)s %(message)s"))
        self.log.name = f"log of {VALUE}"
        thread = threading.Thread(target=self.log.warning, args=["x"], name=f"thread of {VALUE}")
        thread.start()
        thread.join()
        self.assertEqual(self.said(), f"log of {MASK} thread of {MASK} x\n")

    def test_arguments_that_do_not_fit(self):
        self.log.warning("two %s %s", VALUE)
        self.assertIn(f"'two %s %s' (its arguments do not fit: ('{MASK}',))", self.said())


if __name__ == "__main__":
    unittest.main()
