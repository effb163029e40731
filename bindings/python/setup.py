"""Builds the C library beside the package: `pip install ./bindings/python` in a checkout.

It needs cargo, unless HUSHLOG_LIBRARY names a library that was built already.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70 it was the package wheel's
    from wheel.bdist_wheel import bdist_wheel


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        library = os.environ.get("HUSHLOG_LIBRARY")
        with tempfile.TemporaryDirectory() as prefix:
            if not library:
                subprocess.run([ROOT / "bindings/c/install", "--prefix", prefix], check=True)
                library = os.path.join(prefix, "lib/libhushlog.so.0")
            shutil.copy(library, os.path.join(self.build_lib, "hushlog", "libhushlog.so.0"))


class WheelOfThisMachine(bdist_wheel):
    """Any Python 3, but this platform only: no extension module, but a native library."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self):
        return True


version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
setup(version=version, distclass=WithLibrary, cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelOfThisMachine})
