/*
 * hushlog in syslog-ng: a template function that masks secrets in the value of its template.
 *
 *     @version: 3.38
 *     @module hushlog-template
 *     rewrite r_secrets { set("$(hushlog --secrets /run/secrets $MESSAGE)" value("MESSAGE")); };
 *
 *     --secrets PATH    a directory with one secret a file, named after it (the layout of Docker,
 *                       Kubernetes and systemd credentials), or one such file. Line ends at the
 *                       end of a file do not belong to the secret.
 *     --mask TEXT       the mask; {name} in it is the secret's name
 *
 * The secrets are read with the configuration: after they change, reload syslog-ng. If they cannot
 * be read, or there are none, the configuration is refused. If masking fails, the whole message is
 * replaced; no message passes unmasked. The workers of syslog-ng share one compiled set for each
 * use of the function.
 *
 * bindings/syslog-ng/install builds this against the headers of syslog-ng (Debian: syslog-ng-dev)
 * and the hushlog library.
 */
#include <string.h>

#include <cfg.h>
#include <messages.h>
#include <plugin.h>
#include <template/simple-function.h>

#include <hushlog.h>

#define FAILED "[REDACTED: hushlog could not mask this message]"

typedef struct {
    TFSimpleFuncState arguments;
    hushlog_set *set;
} HushlogState;

/* syslog-ng adds the template to the error. */
static gboolean refuse(GError **error, const gchar *what, const gchar *why) {
    g_set_error(error, LOG_TEMPLATE_ERROR, LOG_TEMPLATE_ERROR_COMPILE, "$(hushlog): %s: %s", what, why);
    return FALSE;
}

static gboolean add_file(hushlog_builder *builder, const gchar *path, GError **error) {
    gchar *value = NULL, *name = NULL;
    gsize len = 0, size;
    GError *problem = NULL;
    int code;
    if (!g_file_get_contents(path, &value, &len, &problem)) {
        refuse(error, path, problem->message);
        g_error_free(problem);
        return FALSE;
    }
    for (size = len; len > 0 && strchr("\r\n", value[len - 1]) && value[len - 1];)
        len--;
    name = g_path_get_basename(path);
    code = hushlog_builder_add(builder, name, value, len);
    explicit_bzero(value, size);
    g_free(value);
    g_free(name);
    return code == HUSHLOG_OK || refuse(error, path, hushlog_strerror(code));
}

/* Skips names that begin with two dots: Kubernetes keeps its versions there. */
static gboolean add_directory(hushlog_builder *builder, const gchar *path, GError **error) {
    GError *problem = NULL;
    GDir *directory = g_dir_open(path, 0, &problem);
    const gchar *name;
    gboolean done = TRUE;
    if (!directory) {
        refuse(error, path, problem->message);
        g_error_free(problem);
        return FALSE;
    }
    while (done && (name = g_dir_read_name(directory))) {
        gchar *file;
        if (g_str_has_prefix(name, ".."))
            continue;
        file = g_build_filename(path, name, NULL);
        /* Opening a FIFO would block. */
        done = g_file_test(file, G_FILE_TEST_IS_REGULAR) ? add_file(builder, file, error) : refuse(error, file, "not a file");
        g_free(file);
    }
    g_dir_close(directory);
    return done;
}

static void tell(const hushlog_set *set) {
    size_t at;
    for (at = 0; at < hushlog_set_notices(set); at++) {
        const char *name;
        int kind = hushlog_set_notice(set, at, &name);
        msg_warning("hushlog has something to tell about a secret", evt_tag_str("secret", name),
                    evt_tag_str("notice", hushlog_strerror(kind)));
    }
}

static gboolean load(hushlog_set **set, const gchar *path, const gchar *mask, GError **error) {
    hushlog_builder *builder = hushlog_builder_new();
    gboolean done = g_file_test(path, G_FILE_TEST_IS_DIR) ? add_directory(builder, path, error) : add_file(builder, path, error);
    int code = HUSHLOG_OK;
    if (done && mask)
        code = hushlog_builder_mask(builder, mask);
    if (done && code == HUSHLOG_OK)
        code = hushlog_builder_build(builder, set);
    if (code != HUSHLOG_OK) {
        const char *name = hushlog_builder_failed(builder);
        done = refuse(error, name ? name : path, hushlog_strerror(code));
    } else if (done && hushlog_set_needles(*set) == 0) {
        done = refuse(error, path, "there is no secret that could be masked");
    }
    hushlog_builder_free(builder);
    return done;
}

static gboolean tf_hushlog_prepare(LogTemplateFunction *self, gpointer s, LogTemplate *parent, gint argc, gchar *argv[], GError **error) {
    HushlogState *state = s;
    const gchar *path = NULL, *mask = NULL;
    gint at = 1;
    for (; at + 1 < argc && g_str_has_prefix(argv[at], "--"); at += 2) {
        if (strcmp(argv[at], "--secrets") == 0)
            path = argv[at + 1];
        else if (strcmp(argv[at], "--mask") == 0)
            mask = argv[at + 1];
        else
            return refuse(error, argv[at], "an unknown option");
    }
    if (!path)
        return refuse(error, "--secrets PATH", "it is missing");
    if (at != argc - 1)
        return refuse(error, "after the options", "there must be one template, in quotes if it has blanks");
    if (!load(&state->set, path, mask, error))
        return FALSE;
    tell(state->set);
    return tf_simple_func_prepare(self, &state->arguments, parent, 2, argv + at - 1, error);
}

static void tf_hushlog_eval(LogTemplateFunction *self, gpointer s, LogTemplateInvokeArgs *args) {
    tf_simple_func_eval(self, &((HushlogState *)s)->arguments, args);
}

static void tf_hushlog_call(LogTemplateFunction *self, gpointer s, const LogTemplateInvokeArgs *args, GString *result,
                            LogMessageValueType *type) {
    const HushlogState *state = s;
    const GString *text = args->argv[0];
    const gsize before = result->len;
    hushlog_slice redacted;
    int code = hushlog_redact(state->set, text->str, text->len, NULL, 0, &redacted);
    (void)self;
    *type = LM_VT_STRING;
    if (code == 0) {
        g_string_append_len(result, redacted.data, redacted.len);
    } else if (code == HUSHLOG_EROOM) {
        /* Few messages hold a secret: these are searched twice; all others are copied once. */
        g_string_set_size(result, before + redacted.len);
        code = hushlog_redact(state->set, text->str, text->len, result->str + before, redacted.len, &redacted);
        g_string_truncate(result, code == 1 ? before + redacted.len : before);
    }
    if (code < 0) {
        g_string_append(result, FAILED);
        msg_error("hushlog could not mask a message", evt_tag_str("error", hushlog_strerror(code)));
    }
}

static void tf_hushlog_free_state(gpointer s) {
    HushlogState *state = s;
    tf_simple_func_free_state(&state->arguments);
    hushlog_set_free(state->set);
}

TEMPLATE_FUNCTION(HushlogState, tf_hushlog, tf_hushlog_prepare, tf_hushlog_eval, tf_hushlog_call, tf_hushlog_free_state, NULL);

static Plugin plugins[] = {TEMPLATE_FUNCTION_PLUGIN(tf_hushlog, "hushlog")};

gboolean hushlog_template_module_init(PluginContext *context, CfgArgs *args);

gboolean hushlog_template_module_init(PluginContext *context, CfgArgs *args) {
    (void)args;
    if (hushlog_abi_version() != HUSHLOG_ABI_VERSION) {
        msg_error("the library of hushlog is not the one that this module was built for");
        return FALSE;
    }
    plugin_register(context, plugins, G_N_ELEMENTS(plugins));
    return TRUE;
}

const ModuleInfo module_info = {
    .canonical_name = "hushlog-template",
    .version = SYSLOG_NG_VERSION,
    .description = "Masks secrets in messages: $(hushlog --secrets PATH TEMPLATE)",
    .core_revision = SYSLOG_NG_SOURCE_REVISION,
    .plugins = plugins,
    .plugins_len = G_N_ELEMENTS(plugins),
};
