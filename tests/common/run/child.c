/* A child that performs a task for a test of the wrapper: the task's name, then its arguments.
 *
 * All output uses write(2), so that each write is visible as such, at its own time. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void say(const char *text) {
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t done = write(1, text, len);
        if (done < 0) {
            if (errno == EINTR) continue;
            _exit(99);
        }
        text += done;
        len -= done;
    }
}

static void rest(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

/* Dies by this signal, regardless of inherited settings. */
static int die(int signal_number) {
    struct rlimit none = {0, 0};
    sigset_t all;
    setrlimit(RLIMIT_CORE, &none);
    say("dying\n");
    signal(signal_number, SIG_DFL);
    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    raise(signal_number);
    return 100;
}

static volatile sig_atomic_t seen[65];
static void note(int signal_number) { seen[signal_number]++; }

/* Counts signals until the first, and for a while longer; prints the counts, and exits with 7. */
static int count(void) {
    struct sigaction action = {.sa_handler = note};
    const int noted[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
    char line[64];
    int total = 0;
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++) sigaction(noted[i], &action, NULL);
    say("ready\n");
    while (total == 0) {
        rest(5);
        for (int i = 1; i < 65; i++) total += seen[i];
    }
    rest(400);
    for (int i = 1; i < 65; i++) {
        if (seen[i] > 0) {
            snprintf(line, sizeof line, "signal %d came %d times\n", i, (int)seen[i]);
            say(line);
        }
    }
    return 7;
}

/* Prints the window's size at each change, until it is interrupted. */
static int window(void) {
    struct sigaction action = {.sa_handler = note};
    struct winsize size;
    char line[64];
    int told = 0;
    sigaction(SIGWINCH, &action, NULL);
    say("ready\n");
    for (;;) {
        rest(5);
        if (told == seen[SIGWINCH]) continue;
        told = seen[SIGWINCH];
        if (ioctl(0, TIOCGWINSZ, &size) != 0) return 1;
        snprintf(line, sizeof line, "%d %d\n", size.ws_row, size.ws_col);
        say(line);
    }
}

/* Writes numbered lines on both outputs at once, byte by byte. */
static int bytes(long len) {
    char out[32], err[32];
    long sent_out = 0, sent_err = 0, line_out = 0, line_err = 0;
    int at_out = 0, at_err = 0, len_out = 0, len_err = 0;
    while (sent_out < len || sent_err < len) {
        if (at_out == len_out) { len_out = snprintf(out, sizeof out, "out %ld\n", line_out++); at_out = 0; }
        if (at_err == len_err) { len_err = snprintf(err, sizeof err, "err %ld\n", line_err++); at_err = 0; }
        if (sent_out < len) { if (write(1, out + at_out++, 1) != 1) return 1; sent_out++; }
        if (sent_err < len) { if (write(2, err + at_err++, 1) != 1) return 1; sent_err++; }
    }
    return 0;
}

/* Leaves N processes behind that only the init process can reap, and waits for a line. */
static int orphans(int number) {
    char byte;
    for (int i = 0; i < number; i++) {
        pid_t middle = fork();
        if (middle < 0) return 1;
        if (middle == 0) {
            pid_t orphan = fork();
            if (orphan == 0) rest(2);
            _exit(0);
        }
        waitpid(middle, NULL, 0);
    }
    say("left behind\n");
    return read(0, &byte, 1) < 0;
}

/* Applies settings that are rare among parents, and executes another program. */
static int odd(char **argv) {
    struct rlimit core = {4096, 123456789}, files = {200, 300};
    sigset_t blocked;
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGALRM);
    sigaddset(&blocked, SIGRTMIN + 3);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    umask(0137);
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_NOFILE, &files);
    if (nice(3) < 0) return 98;
    if (dup2(open("/dev/null", O_RDONLY), 7) < 0 || dup2(open("/", O_RDONLY), 150) < 0) return 98;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_TIMERSLACK, 77777, 0, 0, 0);
    execvp(argv[0], argv);
    return 97;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* A descriptor's target, without the parts that differ between runs. */
static void show_descriptor(int fd) {
    char path[64], target[512], line[768];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(path, target, sizeof target - 1);
    target[len < 0 ? 0 : len] = 0;
    if (strncmp(target, "pipe:", 5) == 0) target[5] = 0;
    if (strncmp(target, "/dev/pts/", 9) == 0) target[9] = 0;
    /* The flags of its behaviour; others, such as O_LARGEFILE, only record how it was opened. */
    int flags = fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT);
    snprintf(line, sizeof line, "descriptor %d: %s flags %o close-on-exec %d\n", fd, target, flags, fcntl(fd, F_GETFD));
    say(line);
}

/* Prints all inherited attributes of a process. */
static int self(char **argv) {
    char line[1024];
    struct rlimit limit;
    FILE *status = fopen("/proc/self/status", "r");
    const char *kept[] = {"Umask", "Uid", "Gid", "Groups", "VmLck", "Sig", "Shd", "Cap", "NoNewPrivs", "Seccomp",
                          "Cpus_allowed", "Mems_allowed", "CoreDumping", "THP_enabled"};
    while (status && fgets(line, sizeof line, status))
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (strncmp(line, kept[i], strlen(kept[i])) == 0 && strncmp(line, "SigQ", 4) != 0) { say(line); break; }
    fclose(status);
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        getrlimit(i, &limit);
        snprintf(line, sizeof line, "limit %d: %lld %lld\n", i, (long long)limit.rlim_cur, (long long)limit.rlim_max);
        say(line);
    }
    int death = 0, reaper = 0;
    prctl(PR_GET_PDEATHSIG, &death);
    prctl(PR_GET_CHILD_SUBREAPER, &reaper);
    snprintf(line, sizeof line, "nice %d, policy %d, dumpable %d, slack %d, death %d, reaper %d, keep caps %d\n",
             getpriority(PRIO_PROCESS, 0), sched_getscheduler(0), (int)prctl(PR_GET_DUMPABLE),
             (int)prctl(PR_GET_TIMERSLACK), death, reaper, (int)prctl(PR_GET_KEEPCAPS));
    say(line);
    for (int fd = 0; fd < 256; fd++) if (fcntl(fd, F_GETFD) >= 0) show_descriptor(fd);
    for (int fd = 0; fd < 3; fd++) {
        snprintf(line, sizeof line, "terminal %d: %d, in front: %d\n", fd, isatty(fd), tcgetpgrp(fd) == getpgrp());
        say(line);
    }
    snprintf(line, sizeof line, "directory %s\n", getcwd(NULL, 0));
    say(line);
    for (int i = 0; argv[i]; i++) { say("argument "); say(argv[i]); say("\n"); }
    size_t number = 0;
    while (environ[number]) number++;
    qsort(environ, number, sizeof *environ, by_text);
    for (size_t i = 0; i < number; i++)
        if (strncmp(environ[i], "_=", 2) != 0) { say("variable "); say(environ[i]); say("\n"); }
    say("end\n");
    return 0;
}

int main(int argc, char **argv) {
    const char *task = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 0;
    if (strcmp(task, "die") == 0) return die(number);
    if (strcmp(task, "count") == 0) return count();
    if (strcmp(task, "window") == 0) return window();
    if (strcmp(task, "bytes") == 0) return bytes(number);
    if (strcmp(task, "orphans") == 0) return orphans(number);
    if (strcmp(task, "odd") == 0 && argc > 2) return odd(argv + 2);
    if (strcmp(task, "self") == 0) return self(argv);
    return 96;
}
