/* Laid over the C library by LD_PRELOAD: from operation AURA_FAULT_AT on, what changes files in AURA_DATA_DIR fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/types.h>

static long count;

static int ours(int descriptor) {
    char link[64], path[4096];
    const char *folder = getenv("AURA_DATA_DIR");
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || !folder) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(int descriptor) {
    const char *at = getenv("AURA_FAULT_AT");
    if (!at || !ours(descriptor)) return 0;
    if (++count < atol(at)) return 0;
    errno = ENOSPC;
    return 1;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int d, const void *b, size_t n) { REAL(ssize_t, "write", int, const void *, size_t); return fails(d) ? -1 : real(d, b, n); }
ssize_t pwrite64(int d, const void *b, size_t n, off_t o) { REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t); return fails(d) ? -1 : real(d, b, n, o); }
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { REAL(ssize_t, "pwrite", int, const void *, size_t, off_t); return fails(d) ? -1 : real(d, b, n, o); }
int fsync(int d) { REAL(int, "fsync", int); return fails(d) ? -1 : real(d); }
int fdatasync(int d) { REAL(int, "fdatasync", int); return fails(d) ? -1 : real(d); }
int ftruncate64(int d, off_t n) { REAL(int, "ftruncate64", int, off_t); return fails(d) ? -1 : real(d, n); }
int ftruncate(int d, off_t n) { REAL(int, "ftruncate", int, off_t); return fails(d) ? -1 : real(d, n); }
