#!/bin/bash -eu
# Builds the targets into $OUT, each with its seeds, dictionary and options. OSS-Fuzz runs this in
# its container, which has cargo-fuzz, a nightly compiler and zip. On any other machine with these:
#
#     mkdir /tmp/out && SRC=$(dirname "$PWD") OUT=/tmp/out bash fuzz/oss-fuzz/build.sh        in a checkout named `hushlog`
#
# The canary is left out: it is meant to be caught.
targets='redact readings swap needles settings adapters finder records masks containers dense dotenv session registry sidecar_config mmexternal abi'

cd "${HUSHLOG:-$SRC/hushlog}"
cargo fuzz build -O --debug-assertions

built=fuzz/target/x86_64-unknown-linux-gnu/release
for target in $targets; do
    cp "$built/$target" "$OUT/"
    (cd "fuzz/corpus/$target" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
    [ ! -e "fuzz/dict/$target.dict" ] || cp "fuzz/dict/$target.dict" "$OUT/"
    # As in fuzz/run: file formats need longer inputs than texts do.
    case $target in registry | session | settings | sidecar_config) len_max=8192 ;; *) len_max=512 ;; esac
    printf '[libfuzzer]\nmax_len = %s\n' "$len_max" >"$OUT/$target.options"
done
