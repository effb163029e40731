/*
 * Copies its input to its output, and masks the values of the named variables:
 *
 *     cc -o filter filter.c $(pkg-config --cflags --libs hushlog)
 *     app 2>&1 | ./filter API_TOKEN DB_PASSWORD >> app.log
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <hushlog.h>

static void fail(const char *what, const char *why) {
    fprintf(stderr, "filter: %s: %s\n", what, why);
    exit(2);
}

static void check(const char *what, int code) {
    if (code < 0)
        fail(what, hushlog_strerror(code));
}

static hushlog_set *secrets(char **names) {
    hushlog_builder *builder = hushlog_builder_new();
    hushlog_set *set;
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (!value)
            fail(*names, "there is no such variable");
        check(*names, hushlog_builder_add(builder, *names, value, strlen(value)));
    }
    check("the secrets", hushlog_builder_build(builder, &set));
    hushlog_builder_free(builder);
    for (size_t at = 0; at < hushlog_set_notices(set); at++) {
        const char *name;
        int kind = hushlog_set_notice(set, at, &name);
        fprintf(stderr, "filter: %s: %s\n", name, hushlog_strerror(kind));
    }
    return set;
}

/* Writes slices in place, many with one call. */
static void write_all(const hushlog_slice *slices, size_t count) {
    size_t done = 0; /* of the first slice */
    while (count > 0) {
        struct iovec first = {(char *)slices->data + done, slices->len - done};
        ssize_t n = done ? writev(1, &first, 1) : writev(1, (const struct iovec *)slices, count < 1024 ? (int)count : 1024);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail("write", strerror(errno));
        for (done += (size_t)n; count > 0 && done >= slices->len; slices++, count--)
            done -= slices->len;
    }
}

int main(int argc, char **argv) {
    static char buffer[64 << 10];
    const hushlog_slice *slices;
    hushlog_stream *stream;
    size_t count;
    ssize_t n;
    hushlog_set *set = secrets(argv + (argc > 0));
    check("a stream", hushlog_stream_new(set, 0, &stream));
    hushlog_set_free(set);
    while ((n = read(0, buffer, sizeof buffer)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail("read", strerror(errno));
        check("the stream", hushlog_stream_push(stream, buffer, (size_t)n, &slices, &count));
        write_all(slices, count);
    }
    check("the stream", hushlog_stream_finish(stream, &slices, &count));
    write_all(slices, count);
    hushlog_stream_free(stream);
    return 0;
}
