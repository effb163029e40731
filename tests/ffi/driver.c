/*
 * Executes the commands on its input, one a line, and prints the output of each in hex, so that one
 * process runs a whole table of cases. Each piece is in a block of its exact size, freed before the
 * next one, so that valgrind and AddressSanitizer detect every read beside it or after its end.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hushlog.h>

static hushlog_builder *builder;
static hushlog_set *set;
static hushlog_stream *stream;

struct bytes {
    unsigned char *data;
    size_t len;
};

/* The next word of the line, from hex; "-" means none. Only texts end with a NUL. */
static struct bytes next(int is_text) {
    char *word = strtok(NULL, " \n");
    struct bytes bytes = {NULL, 0};
    size_t at;
    assert(word);
    bytes.len = strcmp(word, "-") ? strlen(word) / 2 : 0;
    bytes.data = malloc(bytes.len + (is_text || !bytes.len));
    assert(bytes.data);
    for (at = 0; at < bytes.len; at++) {
        unsigned byte;
        sscanf(word + 2 * at, "%2x", &byte);
        bytes.data[at] = (unsigned char)byte;
    }
    if (is_text)
        bytes.data[bytes.len] = 0;
    return bytes;
}

static unsigned long number(void) {
    char *word = strtok(NULL, " \n");
    assert(word);
    return strtoul(word, NULL, 10);
}

static void print(const void *data, size_t len) {
    size_t at;
    for (at = 0; at < len; at++)
        printf("%02x", ((const unsigned char *)data)[at]);
}

static void lent(int code, const hushlog_slice *slices, size_t count) {
    size_t at;
    printf("%d %lu ", code, (unsigned long)hushlog_stream_held(stream));
    for (at = 0; at < count; at++) {
        assert(slices[at].len > 0);
        print(slices[at].data, slices[at].len);
    }
    printf("\n");
}

static void count_one(void *context, const char *name, const char *form, uint64_t count) {
    assert(context == &stream);
    printf(" %s/%s=%lu", name, form, (unsigned long)count);
}

static void build(void) {
    int code;
    hushlog_set_free(set);
    code = hushlog_builder_build(builder, &set);
    printf("%d %lu %s\n", code, (unsigned long)hushlog_set_needles(set),
           hushlog_builder_failed(builder) ? hushlog_builder_failed(builder) : "-");
}

static void change(char command) {
    struct bytes name = {NULL, 0}, value = {NULL, 0};
    int code = -100;
    switch (command) {
    case 'a':
        name = next(1);
        value = next(0);
        code = hushlog_builder_add(builder, (char *)name.data, value.data, value.len);
        break;
    case 'm':
        name = next(1);
        code = hushlog_builder_mask(builder, (char *)name.data);
        break;
    case 'c': code = hushlog_builder_mask_char(builder, (char)number()); break;
    case 'e': code = hushlog_builder_encodings(builder, (int)number()); break;
    case 'l': code = hushlog_builder_min_length(builder, number()); break;
    case 'x': code = hushlog_builder_exactly(builder); break;
    default: assert(!"a command");
    }
    assert(code == HUSHLOG_OK);
    free(name.data);
    free(value.data);
}

static void record(char command) {
    struct bytes record = next(0);
    if (command == 'r') {
        size_t room = number();
        void *buffer = malloc(room ? room : 1);
        hushlog_slice redacted;
        int code = hushlog_redact(set, record.data, record.len, room ? buffer : NULL, room, &redacted);
        printf("%d %lu ", code, (unsigned long)redacted.len);
        if (redacted.data)
            print(redacted.data, redacted.len);
        free(buffer);
    } else {
        printf("%d ", hushlog_redact_in_place(set, record.data, record.len));
        print(record.data, record.len);
    }
    printf("\n");
    free(record.data);
}

static void run(char command) {
    const hushlog_slice *slices;
    size_t count, at;
    struct bytes piece;
    const char *name;
    int code;
    switch (command) {
    case 'n':
        hushlog_builder_free(builder);
        builder = hushlog_builder_new();
        break;
    case 'b': build(); break;
    case 'o': /* notices */
        for (at = 0; at < hushlog_set_notices(set); at++) {
            code = hushlog_set_notice(set, at, &name);
            printf(" %s=%d", name, code);
        }
        printf("\n");
        break;
    case 's': /* a stream; the set is freed while it goes on */
        hushlog_stream_free(stream);
        code = hushlog_stream_new(set, (unsigned)number(), &stream);
        assert(code == HUSHLOG_OK);
        break;
    case 'p':
        piece = next(0);
        code = hushlog_stream_push(stream, piece.data, piece.len, &slices, &count);
        lent(code, slices, count);
        free(piece.data);
        break;
    case 'f':
        code = hushlog_stream_finish(stream, &slices, &count);
        lent(code, slices, count);
        break;
    case 'w': /* to the set that was built last */
        code = hushlog_stream_swap(stream, set, &slices, &count);
        lent(code, slices, count);
        break;
    case 't':
        code = hushlog_stream_counts(stream, count_one, &stream);
        printf(" %d\n", code);
        break;
    case 'r':
    case 'i': record(command); break;
    default: change(command);
    }
}

int main(void) {
    static char line[1 << 22];
    while (fgets(line, sizeof line, stdin)) {
        char *word = strtok(line, " \n");
        assert(word && !word[1]);
        run(*word);
    }
    hushlog_stream_free(stream);
    hushlog_set_free(set);
    hushlog_builder_free(builder);
    return 0;
}
