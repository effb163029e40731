/*
 * Mistakes of a caller, and the resulting error codes. With an argument: a run without mistakes, in
 * which a test makes one call panic; it prints the result of each call.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <hushlog.h>

#define CHECK(what)                                                    \
    do {                                                               \
        if (!(what)) {                                                 \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #what); \
            exit(1);                                                   \
        }                                                              \
    } while (0)

/* A slice may be cast to an iovec. */
typedef char same_size[sizeof(hushlog_slice) == sizeof(struct iovec) ? 1 : -1];
typedef char same_data[offsetof(hushlog_slice, data) == offsetof(struct iovec, iov_base) ? 1 : -1];
typedef char same_len[offsetof(hushlog_slice, len) == offsetof(struct iovec, iov_len) ? 1 : -1];

static const char VALUE[] = "sk-live-4f9QzX";

static hushlog_set *a_set(void) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set;
    CHECK(hushlog_builder_add(builder, "TOKEN", VALUE, strlen(VALUE)) == 0);
    CHECK(hushlog_builder_build(builder, &set) == 0);
    hushlog_builder_free(builder);
    return set;
}

/* A callback that uses the stream, which the header forbids, changes nothing and gets an error. */
struct reentry {
    hushlog_stream *stream;
    hushlog_set *set;
    int calls, frees;
};

static void use_stream(void *context, const char *name, const char *form, uint64_t count) {
    struct reentry *its = context;
    hushlog_stream *stream = its->stream;
    const hushlog_slice *slices = (const hushlog_slice *)1;
    size_t some = 1;
    CHECK(strcmp(name, "TOKEN") == 0 && strcmp(form, "value") == 0 && count == 1);
    its->calls++;
    CHECK(hushlog_stream_push(stream, "x", 1, &slices, &some) == HUSHLOG_EBUSY && slices == NULL && some == 0);
    CHECK(hushlog_stream_finish(stream, &slices, &some) == HUSHLOG_EBUSY);
    CHECK(hushlog_stream_swap(stream, its->set, &slices, &some) == HUSHLOG_EBUSY);
    CHECK(hushlog_stream_release_partial(stream, 1, &slices, &some) == HUSHLOG_EBUSY);
    CHECK(hushlog_stream_counts(stream, use_stream, its) == HUSHLOG_EBUSY);
    CHECK(hushlog_stream_held(stream) == 5);
    if (its->frees)
        hushlog_stream_free(stream);
}

static void a_callback_uses_its_stream(void) {
    struct reentry its = {NULL, a_set(), 0, 0};
    const hushlog_slice *slices;
    size_t count;
    CHECK(hushlog_stream_new(its.set, 0, &its.stream) == 0);
    CHECK(hushlog_stream_push(its.stream, "sk-live-4f9QzX sk-li", 20, &slices, &count) == 0);
    CHECK(hushlog_stream_counts(its.stream, use_stream, &its) == 0 && its.calls == 1);
    CHECK(hushlog_stream_push(its.stream, "x", 1, &slices, &count) == 0 && count > 0);
    hushlog_stream_free(its.stream);
    CHECK(hushlog_stream_new(its.set, 0, &its.stream) == 0);
    CHECK(hushlog_stream_push(its.stream, "sk-live-4f9QzX sk-li", 20, &slices, &count) == 0);
    its.frees = 1;
    CHECK(hushlog_stream_counts(its.stream, use_stream, &its) == 0 && its.calls == 2);
    hushlog_set_free(its.set);
}

/* After this call has failed, every later call on the builder fails: a secret might be missing. */
#define FAILS(code, call)                                                               \
    do {                                                                                \
        hushlog_builder *builder = hushlog_builder_new();                               \
        hushlog_set *set = (hushlog_set *)1;                                            \
        CHECK(call == code);                                                            \
        CHECK(hushlog_builder_add(builder, "N", "value", 5) == code);                   \
        CHECK(hushlog_builder_build(builder, &set) == code && set == NULL);             \
        CHECK(hushlog_builder_encodings(builder, 0) == code);                           \
        CHECK(hushlog_builder_failed(builder) == NULL);                                 \
        hushlog_builder_free(builder);                                                  \
    } while (0)

static void builders(void) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set = (hushlog_set *)1;
    FAILS(HUSHLOG_ENULL, hushlog_builder_add(builder, NULL, "value", 5));
    FAILS(HUSHLOG_ENULL, hushlog_builder_add(builder, "N", NULL, 5));
    FAILS(HUSHLOG_ESIZE, hushlog_builder_add(builder, "N", "value", SIZE_MAX));
    FAILS(HUSHLOG_ESIZE, hushlog_builder_add(builder, "N", "value", (size_t)PTRDIFF_MAX + 1));
    FAILS(HUSHLOG_ETEXT, hushlog_builder_add(builder, "\xff", "value", 5));
    FAILS(HUSHLOG_ENULL, hushlog_builder_mask(builder, NULL));
    FAILS(HUSHLOG_ETEXT, hushlog_builder_mask(builder, "\xc3\x28"));
    FAILS(HUSHLOG_ENULL, hushlog_builder_only(builder, NULL));
    FAILS(HUSHLOG_ETEXT, hushlog_builder_only(builder, "\xff"));
    FAILS(HUSHLOG_EPATTERN, hushlog_builder_only(builder, "A_[B"));
    FAILS(HUSHLOG_ENULL, hushlog_builder_except(builder, NULL));
    FAILS(HUSHLOG_EPATTERN, hushlog_builder_except(builder, "***"));
    CHECK(hushlog_builder_add(NULL, "N", "value", 5) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_mask(NULL, "") == HUSHLOG_ENULL);
    CHECK(hushlog_builder_mask_char(NULL, '*') == HUSHLOG_ENULL);
    CHECK(hushlog_builder_encodings(NULL, 1) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_readings(NULL, 1) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_exactly(NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_min_length(NULL, 1) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_only(NULL, "*") == HUSHLOG_ENULL && hushlog_builder_except(NULL, "*") == HUSHLOG_ENULL);
    CHECK(hushlog_builder_all(NULL, 0) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_failed(NULL) == NULL);
    CHECK(hushlog_builder_build(NULL, &set) == HUSHLOG_ENULL && set == NULL);
    CHECK(hushlog_builder_add(builder, "EMPTY", NULL, 0) == 0);
    CHECK(hushlog_builder_build(builder, NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_builder_build(builder, &set) == 0 && set != NULL);
    CHECK(hushlog_set_needles(set) == 0 && hushlog_set_notices(set) == 1);
    hushlog_set_free(set);
    CHECK(hushlog_builder_build(builder, &set) == HUSHLOG_EUSED && set == NULL);
    CHECK(hushlog_builder_add(builder, "N", "value", 5) == HUSHLOG_EUSED);
    hushlog_builder_free(builder);
    hushlog_builder_free(NULL);
}

/* A set of three settings, of which the choice masks these. */
static void chosen(const char *only, const char *except, int all, const char *masked, size_t left) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set;
    const char *name;
    char text[] = "8080 sk-live-4f9QzX blue-team";
    if (only)
        CHECK(hushlog_builder_only(builder, only) == 0);
    CHECK(hushlog_builder_add(builder, "PORT", "8080", 4) == 0);
    CHECK(hushlog_builder_add(builder, "TOKEN", VALUE, strlen(VALUE)) == 0);
    CHECK(hushlog_builder_add(builder, "TEAM", "blue-team", 9) == 0);
    if (except)
        CHECK(hushlog_builder_except(builder, except) == 0);
    CHECK(hushlog_builder_mask_char(builder, '*') == 0);
    CHECK(hushlog_builder_all(builder, all) == 0);
    CHECK(hushlog_builder_build(builder, &set) == 0);
    hushlog_builder_free(builder);
    CHECK(hushlog_redact_in_place(set, text, strlen(text)) >= 0);
    CHECK(strcmp(text, masked) == 0);
    CHECK(hushlog_set_notices(set) >= left);
    if (left > 0)
        CHECK(hushlog_set_notice(set, 0, &name) == HUSHLOG_SETTING && strcmp(name, "PORT") == 0);
    hushlog_set_free(set);
}

static void selections(void) {
    chosen(NULL, NULL, 1, "**** ************** *********", 0);
    chosen(NULL, NULL, 0, "8080 ************** blue-team", 2);
    chosen("T*", NULL, 0, "8080 ************** *********", 0);
    chosen("T*", "?E*", 0, "8080 ************** blue-team", 0);
    chosen(NULL, "TOKEN", 0, "8080 sk-live-4f9QzX blue-team", 2);
}

/* Invalid masks, and secrets that are too large. */
static void refused(void) {
    static const struct { const char *mask; char character; int code; } cases[] = {
        {"", 0, HUSHLOG_EMASKEMPTY}, {"sk", 0, HUSHLOG_EMASK}, {NULL, '\n', HUSHLOG_EMASKCHAR}, {NULL, '\xe4', HUSHLOG_EMASKCHAR}};
    hushlog_builder *builder;
    hushlog_set *set = (hushlog_set *)1;
    size_t at, len = (size_t)65 << 20;
    char *large;
    for (at = 0; at < sizeof cases / sizeof *cases; at++) {
        builder = hushlog_builder_new();
        CHECK(hushlog_builder_add(builder, "TOKEN", VALUE, strlen(VALUE)) == 0);
        CHECK((cases[at].mask ? hushlog_builder_mask(builder, cases[at].mask)
                              : hushlog_builder_mask_char(builder, cases[at].character)) == 0);
        CHECK(hushlog_builder_build(builder, &set) == cases[at].code && set == NULL);
        if (cases[at].code == HUSHLOG_EMASK)
            CHECK(strcmp(hushlog_builder_failed(builder), "TOKEN") == 0);
        hushlog_builder_free(builder);
    }
    CHECK((large = malloc(len)) != NULL);
    memset(large, 'x', len);
    builder = hushlog_builder_new();
    CHECK(hushlog_builder_encodings(builder, 0) == 0);
    CHECK(hushlog_builder_add(builder, "LARGE", large, len) == 0);
    CHECK(hushlog_builder_build(builder, &set) == HUSHLOG_ETOOLARGE && set == NULL);
    hushlog_builder_free(builder);
    free(large);
}

static void sets_and_streams(void) {
    hushlog_set *set = a_set(), *shared = hushlog_set_share(set);
    hushlog_stream *stream = (hushlog_stream *)1;
    const hushlog_slice *slices = (const hushlog_slice *)1;
    size_t count = 1;
    const char *name = "x";
    CHECK(hushlog_set_share(NULL) == NULL && hushlog_set_needles(NULL) == 0 && hushlog_set_notices(NULL) == 0);
    CHECK(hushlog_set_notice(set, 0, &name) == HUSHLOG_EINDEX && name == NULL);
    CHECK(hushlog_set_notice(NULL, 0, &name) == HUSHLOG_ENULL && hushlog_set_notice(set, 0, NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_new(NULL, 0, &stream) == HUSHLOG_ENULL && stream == NULL);
    CHECK(hushlog_stream_new(set, 2, &stream) == HUSHLOG_EFLAG && stream == NULL);
    CHECK(hushlog_stream_new(set, 0, NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_new(set, 0, &stream) == 0);
    hushlog_set_free(set);
    CHECK(hushlog_stream_push(NULL, "x", 1, &slices, &count) == HUSHLOG_ENULL && slices == NULL && count == 0);
    CHECK(hushlog_stream_push(stream, NULL, 1, &slices, &count) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_push(stream, "x", 1, NULL, &count) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_push(stream, "x", 1, &slices, NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_push(stream, "x", SIZE_MAX, &slices, &count) == HUSHLOG_ESIZE && count == 0);
    CHECK(hushlog_stream_swap(stream, NULL, &slices, &count) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_finish(NULL, &slices, &count) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_release_partial(NULL, 1, &slices, &count) == HUSHLOG_ENULL);
    CHECK(hushlog_stream_counts(stream, NULL, NULL) == HUSHLOG_ENULL && hushlog_stream_held(NULL) == 0);
    /* None of these accepted any input. */
    CHECK(hushlog_stream_push(stream, "sk-li", 5, &slices, &count) == 0 && count == 0 && hushlog_stream_held(stream) == 5);
    CHECK(hushlog_stream_push(stream, NULL, 0, &slices, &count) == 0 && count == 0);
    CHECK(hushlog_stream_finish(stream, &slices, &count) == 0 && count == 1 && slices->len == 5);
    CHECK(memcmp(slices->data, "sk-li", 5) == 0);
    hushlog_stream_free(stream);
    a_callback_uses_its_stream();
    hushlog_stream_free(NULL);
    hushlog_set_free(shared);
    hushlog_set_free(NULL);
}

static void records(void) {
    static const char record[] = "token=sk-live-4f9QzX;";
    const char *masked = "token=[REDACTED:TOKEN];";
    hushlog_set *set = a_set();
    char buffer[64], in_place[sizeof record];
    hushlog_slice slice;
    CHECK(hushlog_redact(set, record, strlen(record), buffer, sizeof buffer, NULL) == HUSHLOG_ENULL);
    CHECK(hushlog_redact(NULL, record, strlen(record), buffer, sizeof buffer, &slice) == HUSHLOG_ENULL && !slice.data);
    CHECK(hushlog_redact(set, NULL, 5, buffer, sizeof buffer, &slice) == HUSHLOG_ENULL);
    CHECK(hushlog_redact(set, record, SIZE_MAX, buffer, sizeof buffer, &slice) == HUSHLOG_ESIZE);
    CHECK(hushlog_redact(set, record, strlen(record), NULL, 99, &slice) == HUSHLOG_ENULL && !slice.data);
    CHECK(hushlog_redact(set, record, strlen(record), NULL, 0, &slice) == HUSHLOG_EROOM);
    CHECK(!slice.data && slice.len == strlen(masked));
    CHECK(hushlog_redact(set, record, strlen(record), buffer, slice.len, &slice) == 1 && slice.data == buffer);
    CHECK(slice.len == strlen(masked) && memcmp(buffer, masked, slice.len) == 0);
    CHECK(hushlog_redact(set, "clean", 5, NULL, 0, &slice) == 0 && slice.len == 5);
    CHECK(hushlog_redact(set, NULL, 0, NULL, 0, &slice) == 0 && slice.len == 0);
    strcpy(in_place, record);
    CHECK(hushlog_redact_in_place(NULL, in_place, 5) == HUSHLOG_ENULL && hushlog_redact_in_place(set, NULL, 5) == HUSHLOG_ENULL);
    CHECK(hushlog_redact_in_place(set, in_place, SIZE_MAX) == HUSHLOG_ESIZE && strcmp(in_place, record) == 0);
    CHECK(hushlog_redact_in_place(set, in_place, strlen(in_place)) == 1);
    CHECK(strcmp(in_place, "token=[TOKEN]*******;") == 0);
    hushlog_set_free(set);
}

static void texts(void) {
    int code;
    for (code = -20; code <= 20; code++) {
        const char *text = hushlog_strerror(code);
        int is_known = code >= HUSHLOG_EPATTERN && code <= HUSHLOG_SETTING;
        CHECK(text && *text && text[strlen(text) - 1] != '.');
        CHECK(is_known == (strncmp(text, "an unknown", 10) != 0));
    }
    CHECK(hushlog_abi_version() == HUSHLOG_ABI_VERSION);
    printf("%s\n", hushlog_version());
}

/* Many threads share one set, each with its own stream. */
static void *thread(void *context) {
    const hushlog_set *set = context;
    hushlog_stream *stream;
    const hushlog_slice *slices;
    size_t count, at;
    int round;
    CHECK(hushlog_stream_new(set, 0, &stream) == 0);
    for (round = 0; round < 100; round++) {
        char text[] = "a sk-live-4f9QzX";
        for (at = 0; at < strlen(text); at++)
            CHECK(hushlog_stream_push(stream, text + at, 1, &slices, &count) == 0);
        CHECK(count == 1 && slices->len == strlen("[REDACTED:TOKEN]"));
        CHECK(hushlog_redact_in_place(set, text, strlen(text)) == 1);
    }
    hushlog_stream_free(stream);
    return NULL;
}

static void threads(void) {
    hushlog_set *set = a_set();
    pthread_t all[4];
    size_t at;
    for (at = 0; at < 4; at++)
        CHECK(pthread_create(&all[at], NULL, thread, set) == 0);
    for (at = 0; at < 4; at++)
        CHECK(pthread_join(all[at], NULL) == 0);
    hushlog_set_free(set);
}

static void each(void *context, const char *name, const char *form, uint64_t count) {
    (void)context, (void)name, (void)form, (void)count;
}

#define SAY(call, answer) printf(#call " %d\n", answer)

/* Every call once, with valid arguments, regardless of earlier results. */
static void with_a_bug(void) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set = NULL, *shared;
    hushlog_stream *stream = NULL;
    const hushlog_slice *slices;
    hushlog_slice slice;
    size_t count, given = 0;
    const char *name;
    char record[] = "token sk-live-4f9QzX";
    SAY(hushlog_builder_new, builder ? 0 : HUSHLOG_EBUG);
    SAY(hushlog_builder_add, hushlog_builder_add(builder, "TOKEN", VALUE, strlen(VALUE)));
    SAY(hushlog_builder_add, hushlog_builder_add(builder, "PIN", "12345", 5));
    SAY(hushlog_builder_mask, hushlog_builder_mask(builder, "<{name}>"));
    SAY(hushlog_builder_mask_char, hushlog_builder_mask_char(builder, '*'));
    SAY(hushlog_builder_encodings, hushlog_builder_encodings(builder, 1));
    SAY(hushlog_builder_readings, hushlog_builder_readings(builder, 1));
    SAY(hushlog_builder_min_length, hushlog_builder_min_length(builder, 4));
    SAY(hushlog_builder_only, hushlog_builder_only(builder, "*"));
    SAY(hushlog_builder_except, hushlog_builder_except(builder, "NONE"));
    SAY(hushlog_builder_all, hushlog_builder_all(builder, 1));
    SAY(hushlog_builder_build, hushlog_builder_build(builder, &set));
    shared = hushlog_set_share(set);
    SAY(hushlog_set_share, shared ? 0 : HUSHLOG_EBUG);
    SAY(hushlog_set_notice, hushlog_set_notice(set, 0, &name));
    SAY(hushlog_redact, hushlog_redact(set, "x", 1, NULL, 0, &slice));
    SAY(hushlog_redact_in_place, hushlog_redact_in_place(set, record, strlen(record)));
    SAY(hushlog_stream_new, hushlog_stream_new(set, 0, &stream));
    SAY(hushlog_stream_counts, hushlog_stream_counts(stream, each, NULL));
    SAY(hushlog_stream_push, hushlog_stream_push(stream, VALUE, 5, &slices, &count));
    given += count;
    SAY(hushlog_stream_release_partial, hushlog_stream_release_partial(stream, 0, &slices, &count));
    given += count;
    SAY(hushlog_stream_swap, hushlog_stream_swap(stream, shared, &slices, &count));
    given += count;
    CHECK(given == 0); /* it is the beginning of the secret */
    SAY(hushlog_stream_finish, hushlog_stream_finish(stream, &slices, &count));
    SAY(hushlog_builder_exactly, hushlog_builder_exactly(hushlog_builder_new()));
    hushlog_stream_free(stream);
    hushlog_set_free(shared);
    hushlog_set_free(set);
    hushlog_builder_free(builder);
    printf("%s\n", hushlog_strerror(HUSHLOG_EBUG));
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) {
        with_a_bug();
        return 0;
    }
    builders();
    selections();
    refused();
    sets_and_streams();
    records();
    texts();
    threads();
    return 0;
}
