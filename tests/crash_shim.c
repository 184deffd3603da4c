/* Ends the process, as if it were killed, before its nth call that changes a file. Preloaded by test_crash_points.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls_left = -1; /* -1: calls are not counted */
static long calls_made = 0;

void crash_before_call(long number) { calls_left = number; calls_made = 0; }
long calls_counted(void) { return calls_made; }

static void count(void) {
    if (calls_left < 0) return;
    __atomic_add_fetch(&calls_made, 1, __ATOMIC_SEQ_CST);
    if (__atomic_sub_fetch(&calls_left, 1, __ATOMIC_SEQ_CST) == 0) _exit(99);
}

#define WRAP(type, name, parameters, arguments)                                   \
    type name parameters {                                                        \
        static type(*original) parameters;                                        \
        if (!original) original = (type(*) parameters)dlsym(RTLD_NEXT, #name);    \
        count();                                                                  \
        return original arguments;                                                \
    }

WRAP(ssize_t, write, (int file, const void *data, size_t size), (file, data, size))
WRAP(ssize_t, pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRAP(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
WRAP(int, fsync, (int file), (file))
WRAP(int, fdatasync, (int file), (file))
WRAP(int, ftruncate, (int file, off_t size), (file, size))
WRAP(int, ftruncate64, (int file, off64_t size), (file, size))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlink, (const char *path), (path))
WRAP(int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
WRAP(int, rmdir, (const char *path), (path))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode))

#define WRAP_OPEN(name)                                                           \
    int name(const char *path, int flags, ...) {                                  \
        static int (*original)(const char *, int, ...);                           \
        if (!original) original = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        va_list rest;                                                             \
        va_start(rest, flags);                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                 \
        va_end(rest);                                                             \
        if (flags & O_CREAT) count();                                             \
        return original(path, flags, mode);                                       \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
