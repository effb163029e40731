/*
 * hushlog: keeps secrets out of logs.
 *
 * The library masks a set of secrets in any stream of bytes: the values, their usual encodings
 * (base64, hex, percent, JSON, shells and others), and identifying parts, such as the password in a
 * database URL.
 *
 *     hushlog_builder *builder = hushlog_builder_new();
 *     hushlog_set *set;
 *     hushlog_stream *stream;
 *     const hushlog_slice *slices;
 *     size_t count;
 *
 *     hushlog_builder_add(builder, "API_TOKEN", token, strlen(token));
 *     hushlog_builder_build(builder, &set);
 *     hushlog_stream_new(set, 0, &stream);
 *     while ((n = read(0, buffer, sizeof buffer)) > 0) {
 *         hushlog_stream_push(stream, buffer, n, &slices, &count);
 *         ...                                       write the slices
 *     }
 *     hushlog_stream_finish(stream, &slices, &count);
 *     ...                                           write the slices
 *
 * (Every call can fail: check its result, as the examples do.)
 *
 * Guarantees. However a stream is cut into pieces, no byte of any occurrence of a secret is
 * returned; every other byte is returned once, unchanged and in order. Only the longest end of the
 * stream that may begin a secret is held back, and not a byte more. Time is linear in the text; the
 * secrets bound the memory, and the input never does.
 *
 * Ownership. The caller frees each handle from a `_new`, `_build` or `_share` with the `_free` of
 * its kind, once; freeing NULL does nothing. Handles keep their own references: a set may be freed
 * while its streams are in use, and a builder after it has built.
 *
 * Threads. A set may be used by any number of threads at once. A builder and a stream may be used
 * by one thread at a time. The library starts no threads, so it may be used after a fork. It has no
 * state outside the handles.
 *
 * Errors. A call that can fail returns 0 or more, or one of the negative codes below, which
 * hushlog_strerror() describes. No call unwinds into its caller, prints anything, or ends the
 * process (except when memory runs out). A failed call returns no text, and sets its result
 * pointers to NULL and 0. After a call with a builder has failed, all later ones return the same
 * error. So an ignored error loses text, and leaks none.
 *
 * Values. The library copies them, keeps one compiled form, and wipes it when the last handle is
 * freed. The caller should wipe its own copy as soon as it is added. No function returns a value.
 * Names are public: masks and notices show them.
 *
 * Sizes are in bytes. Text in and out is bytes: NUL and invalid UTF-8 are allowed.
 */
#ifndef HUSHLOG_H
#define HUSHLOG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The suffix of the library's file name: libhushlog.so.0. A program works with every library of the
 * version that it was compiled with.
 */
#define HUSHLOG_ABI_VERSION 0

/* Collects secrets and options, and builds a set. */
typedef struct hushlog_builder hushlog_builder;
/* The secrets, compiled for searching. It does not change. */
typedef struct hushlog_set hushlog_set;
/* One stream of bytes. */
typedef struct hushlog_stream hushlog_stream;

/*
 * Bytes lent by the library. The same layout as `struct iovec`, so on POSIX systems an array of
 * them may be cast and passed to writev().
 */
typedef struct hushlog_slice {
    const void *data;
    size_t len;
} hushlog_slice;

/* Why a call failed. */
enum {
    HUSHLOG_OK = 0,
    HUSHLOG_ENULL = -1,      /* a required pointer is NULL */
    HUSHLOG_ESIZE = -2,      /* a size is larger than any object can be */
    HUSHLOG_ETEXT = -3,      /* a name or a mask is not UTF-8 */
    HUSHLOG_EUSED = -4,      /* the builder has already built its set */
    HUSHLOG_EFLAG = -5,      /* a flag is unknown */
    HUSHLOG_ETOOLARGE = -6,  /* the secrets and their encoded forms come to more than 64 MiB */
    HUSHLOG_EMASK = -7,      /* the mask and a secret share a beginning or an end: see hushlog_builder_failed() */
    HUSHLOG_EMASKEMPTY = -8, /* the mask is empty */
    HUSHLOG_EMASKCHAR = -9,  /* the mask character is not a printable ASCII character */
    HUSHLOG_EROOM = -10,     /* the buffer is too small */
    HUSHLOG_EINDEX = -11,    /* there is no notice with this number */
    HUSHLOG_EBUG = -12,      /* an error in hushlog itself; its stream returns nothing more */
    HUSHLOG_EBUSY = -13,     /* a callback of hushlog_stream_counts() uses the stream */
    HUSHLOG_EPATTERN = -14   /* a pattern of names is not valid */
};

/* The kinds of notices about a secret. */
enum {
    HUSHLOG_BLANK = 1,         /* the value is empty or blank: it is NOT masked */
    HUSHLOG_TOO_SHORT = 2,     /* the value is shorter than 4 bytes, or than the minimum length: it is NOT masked */
    HUSHLOG_SHORT = 3,         /* the value is shorter than 8 bytes: every occurrence is masked */
    HUSHLOG_ORDINARY_WORD = 4, /* the value is an ordinary word: every occurrence is masked */
    HUSHLOG_MASK_REPLACED = 5, /* the default mask could be a part of the value: the set has another one */
    HUSHLOG_SETTING = 6        /* the value cannot be a secret: it is NOT masked, see hushlog_builder_all() */
};

/* The version of the library, as "0.1.0". */
const char *hushlog_version(void);

/* HUSHLOG_ABI_VERSION, as the library was built with it. */
int hushlog_abi_version(void);

/*
 * An error or a notice in words: English, lower case, no full stop, valid forever. It contains no
 * data that was passed to the library. For HUSHLOG_EBUG it names the location of the first error in
 * the library's source: please report it.
 */
const char *hushlog_strerror(int code);

/* ---- The secrets ---- */

/* A builder without secrets. NULL only after an error in hushlog itself. */
hushlog_builder *hushlog_builder_new(void);

/*
 * Adds a secret: a value of any `len` bytes. The name is UTF-8, ended by a NUL. If two secrets have
 * the same value, the mask shows the first one's name.
 *
 * HUSHLOG_ENULL, HUSHLOG_ESIZE, HUSHLOG_ETEXT, HUSHLOG_EUSED
 */
int hushlog_builder_add(hushlog_builder *builder, const char *name, const void *value, size_t len);

/*
 * Sets the mask that replaces a secret; "{name}" in it stands for the secret's name. Default:
 * "[REDACTED:{name}]", or another one if that could be a part of a secret.
 *
 * HUSHLOG_ENULL, HUSHLOG_ETEXT, HUSHLOG_EUSED
 */
int hushlog_builder_mask(hushlog_builder *builder, const char *mask);

/*
 * Sets a printable ASCII character that replaces each byte: columns stay, and the length of a
 * secret shows.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED; HUSHLOG_EMASKCHAR when the set is built
 */
int hushlog_builder_mask_char(hushlog_builder *builder, char character);

/*
 * Sets whether encoded forms and identifying parts are searched for, beside the values themselves.
 * Default: 1.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED
 */
int hushlog_builder_encodings(hushlog_builder *builder, int yes);

/*
 * Sets whether the text is also searched with its escapes undone (JSON, percent, XML, C, shells,
 * colour codes, wrapped lines), to the third depth. Default: as hushlog_builder_encodings; 0 after
 * hushlog_builder_exactly.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED
 */
int hushlog_builder_readings(hushlog_builder *builder, int yes);

/*
 * Skips values of fewer bytes, with a notice. Default and minimum: 4.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED
 */
int hushlog_builder_min_length(hushlog_builder *builder, size_t len);

/*
 * Searches for exactly the values, of one byte or more: no forms, no parts, no notices. For callers
 * that derive the forms themselves; below 4 bytes the search is slow.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED
 */
int hushlog_builder_exactly(hushlog_builder *builder);

/*
 * Masks only the secrets whose names match the pattern, or that of another such call. In a pattern,
 * `*` stands for any text, `?` for any character, and `[...]` for any of a few. It applies to all
 * secrets of the builder, also to those added before. A name that matches none is no error.
 *
 * HUSHLOG_ENULL, HUSHLOG_ETEXT, HUSHLOG_EUSED, HUSHLOG_EPATTERN
 */
int hushlog_builder_only(hushlog_builder *builder, const char *names);

/*
 * Does not mask the secrets whose names match the pattern, even if hushlog_builder_only() names
 * them.
 *
 * HUSHLOG_ENULL, HUSHLOG_ETEXT, HUSHLOG_EUSED, HUSHLOG_EPATTERN
 */
int hushlog_builder_except(hushlog_builder *builder, const char *names);

/*
 * Sets whether values that cannot be secrets are masked, such as a port, `true`, a host, a path or
 * a word. Default: 1, every added value is a secret. A caller that adds all of its settings sets 0:
 * such a value is then left, with a notice, unless its own name says that it is a credential, or
 * hushlog_builder_only() chose it.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED
 */
int hushlog_builder_all(hushlog_builder *builder, int yes);

/*
 * Compiles the set, and wipes the builder's secrets, even on failure. Afterwards only
 * hushlog_builder_failed() and hushlog_builder_free() are useful. If an earlier call with this
 * builder failed, its error is returned again, and nothing is built: a secret might be missing. A
 * set without secrets is not an error: all text passes unchanged.
 *
 * With 100 keys in all their forms this takes some milliseconds: build one set, and share it.
 *
 * HUSHLOG_ENULL, HUSHLOG_EUSED, HUSHLOG_ETOOLARGE, HUSHLOG_EMASK, HUSHLOG_EMASKEMPTY,
 * HUSHLOG_EMASKCHAR, HUSHLOG_EBUG, and the error of an earlier call
 */
int hushlog_builder_build(hushlog_builder *builder, hushlog_set **set);

/*
 * The name of the secret at which hushlog_builder_build() failed, valid until the builder is freed;
 * NULL if it did not fail at a secret.
 */
const char *hushlog_builder_failed(const hushlog_builder *builder);

void hushlog_builder_free(hushlog_builder *builder);

/* ---- The set ---- */

/* Another handle to the same set, for another owner. NULL only for NULL. */
hushlog_set *hushlog_set_share(const hushlog_set *set);

/* The number of byte strings to search for: the values with their forms and parts. */
size_t hushlog_set_needles(const hushlog_set *set);

/* The number of notices. Show them to the user: some report a secret that is not masked. */
size_t hushlog_set_notices(const hushlog_set *set);

/*
 * Notice number `index`: returns its kind (HUSHLOG_BLANK and so on), and sets `name` to the secret's
 * name, which is valid as long as the set. Notices are in the order in which secrets were added,
 * those about settings first.
 *
 * HUSHLOG_ENULL, HUSHLOG_EINDEX
 */
int hushlog_set_notice(const hushlog_set *set, size_t index, const char **name);

void hushlog_set_free(hushlog_set *set);

/* ---- A stream ---- */

/*
 * If the stream ends inside a secret, after at least half of it and 8 bytes of its value, the
 * partial match is masked. With this flag it is returned unchanged.
 */
#define HUSHLOG_KEEP_PARTIAL 1u

/*
 * A stream at its beginning. Flags: HUSHLOG_KEEP_PARTIAL, or 0.
 *
 * HUSHLOG_ENULL, HUSHLOG_EFLAG
 */
int hushlog_stream_new(const hushlog_set *set, unsigned flags, hushlog_stream **stream);

/*
 * Takes the next piece of the stream, and returns all text that can no longer be part of a secret:
 * `count` slices, none of them empty. (For a piece without a secret, mostly one: the piece itself,
 * in place.)
 *
 * The slices point into `data`, the set, and the stream. They are valid until the next call with
 * this stream (except hushlog_stream_held() and hushlog_stream_counts()), or until `data` is
 * changed or freed, whichever is first. Large pieces are cheaper than small ones, up to 64 KiB.
 *
 * A failed call takes no input.
 *
 * HUSHLOG_ENULL, HUSHLOG_ESIZE, HUSHLOG_EBUG
 */
int hushlog_stream_push(hushlog_stream *stream, const void *data, size_t len, const hushlog_slice **slices, size_t *count);

/*
 * Ends the stream, and returns the held-back bytes, as hushlog_stream_push() does. Afterwards the
 * handle is at the beginning of another stream.
 *
 * HUSHLOG_ENULL, HUSHLOG_EBUG
 */
int hushlog_stream_finish(hushlog_stream *stream, const hushlog_slice **slices, size_t *count);

/*
 * Replaces the stream's set. Held-back bytes are matched again, and returned if they begin no
 * secret of the new set; places found with the old set stay masked. No byte is lost, duplicated or
 * reordered.
 *
 * HUSHLOG_ENULL, HUSHLOG_EBUG
 */
int hushlog_stream_swap(hushlog_stream *stream, const hushlog_set *set, const hushlog_slice **slices, size_t *count);

/*
 * Returns the beginning of the held-back bytes, up to `len` bytes of a secret in total over all
 * calls. The rest of the secret is masked as usual. Only for a terminal, where a user waits for the
 * echo of keys: it reveals a secret's beginning.
 *
 * HUSHLOG_ENULL, HUSHLOG_EBUG
 */
int hushlog_stream_release_partial(hushlog_stream *stream, size_t len, const hushlog_slice **slices, size_t *count);

/* The number of held-back bytes. */
size_t hushlog_stream_held(const hushlog_stream *stream);

/*
 * Reports the number of masked places, by secret and form: calls `each` with the name of the secret
 * and of the form ("value", "base64" and so on; the manual lists them), which are valid during the
 * call. `each` must not use the stream, nor leave by longjmp() or an exception. Until it returns, a
 * call that takes the stream does nothing and returns HUSHLOG_EBUSY; hushlog_stream_free() takes
 * effect when hushlog_stream_counts() is done, and only hushlog_stream_held() is allowed.
 *
 * HUSHLOG_ENULL, HUSHLOG_EBUG, HUSHLOG_EBUSY
 */
int hushlog_stream_counts(const hushlog_stream *stream,
                          void (*each)(void *context, const char *name, const char *form, uint64_t count),
                          void *context);

void hushlog_stream_free(hushlog_stream *stream);

/* ---- One record at a time: a complete text, as loggers have it in memory ---- */

/*
 * Masks the record as a stream of one piece. Returns 0 if there is nothing to mask: `redacted` is
 * then the record itself, and `buffer` is untouched. Returns 1 if the masked record is in `buffer`:
 * `redacted` then points there. Either way, `redacted` is the text that may be shown.
 *
 * If the masked record does not fit into the `room` bytes of the buffer, returns HUSHLOG_EROOM:
 * `redacted` then has no data, but the needed length. The buffer must not overlap the record; it
 * may be NULL if `room` is 0.
 *
 * HUSHLOG_ENULL, HUSHLOG_ESIZE, HUSHLOG_EROOM, HUSHLOG_EBUG
 */
int hushlog_redact(const hushlog_set *set, const void *record, size_t len, void *buffer, size_t room, hushlog_slice *redacted);

/*
 * Masks the record in place: its length and all other bytes stay. A mask is the secret's name in
 * brackets filled up with stars, or stars alone ("[TOKEN]****"), or the mask character, if the set
 * has one. Returns the number of masked places. After an error the record is unchanged, and must
 * not be shown.
 *
 * HUSHLOG_ENULL, HUSHLOG_ESIZE, HUSHLOG_EBUG; HUSHLOG_EMASK if no byte can fill a mask
 */
int hushlog_redact_in_place(const hushlog_set *set, void *record, size_t len);

#ifdef __cplusplus
}
#endif

#endif
