"""Airflow's masker over standard input, a line at a time.

usage: airflow.py SECRETS_MASKER.PY VALUES.JSON
"""

import importlib.util
import json
import re
import sys

spec = importlib.util.spec_from_file_location("secrets_masker", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
masker = module.SecretsMasker()
with open(sys.argv[2], encoding="utf-8") as file:
    values = json.load(file)
# Each addition recompiles all patterns, which takes minutes for 1,000. Here only the last one does.
masker.patterns.update(re.escape(value) for value in values[:-1])
masker.add_mask(values[-1])

for stream in (sys.stdin, sys.stdout):
    stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
for line in sys.stdin:
    sys.stdout.write(masker.redact(line))
