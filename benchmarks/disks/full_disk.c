/* Preloaded into a stage: from the n-th write below a folder on, whatever needs space fails with ENOSPC.
   The file GROUNDPOSE_FULL_DISK holds n (0: never), the count, whether to list, and the folder; all processes share it.
   The list is a file of the same name with ".list": number, operation and path of everything that needs space. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct state { long limit, count, lists; char folder[PATH_MAX]; };
static struct state *state;

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("GROUNDPOSE_FULL_DISK");
    int handle = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0) : -1;  /* openat, not counted */
    if (handle < 0) return;
    void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    if (mapped != MAP_FAILED) state = mapped;
    close(handle);
}

static void list(long number, const char *what, const char *path) {  /* system calls, which are not counted */
    char name[PATH_MAX + 8], line[PATH_MAX + 64];
    snprintf(name, sizeof name, "%s.list", getenv("GROUNDPOSE_FULL_DISK"));
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, what, path);
    int handle = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (handle < 0) return;
    syscall(SYS_write, handle, line, (size_t)length);
    close(handle);
}

static int full(const char *what, const char *path) {
    if (!state || !state->limit || !path || strncmp(path, state->folder, strlen(state->folder)) != 0) return 0;
    long number = __sync_add_and_fetch(&state->count, 1);
    if (state->lists) list(number, what, path);
    if (number < state->limit) return 0;
    errno = ENOSPC;
    return 1;
}

static int full_handle(const char *what, int handle) {
    char link[40], path[PATH_MAX];
    if (!state || !state->limit) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return full(what, path);
}

static int makes(const char *path, int flags) { return (flags & O_CREAT) && access(path, F_OK) != 0; }

#define MODE int mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, int); va_end(rest); }
int open(const char *path, int flags, ...) { MODE REAL(open); return makes(path, flags) && full("create", path) ? -1 : real(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE REAL(open64); return makes(path, flags) && full("create", path) ? -1 : real(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE REAL(openat); return makes(path, flags) && full("create", path) ? -1 : real(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE REAL(openat64); return makes(path, flags) && full("create", path) ? -1 : real(at, path, flags, mode); }
FILE *fopen(const char *path, const char *mode) { REAL(fopen); return mode[0] != 'r' && full("create", path) ? NULL : real(path, mode); }
FILE *fopen64(const char *path, const char *mode) { REAL(fopen64); return mode[0] != 'r' && full("create", path) ? NULL : real(path, mode); }
ssize_t write(int handle, const void *data, size_t size) { REAL(write); return full_handle("write", handle) ? -1 : real(handle, data, size); }
ssize_t pwrite(int handle, const void *data, size_t size, off_t at) { REAL(pwrite); return full_handle("write", handle) ? -1 : real(handle, data, size, at); }
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) { REAL(pwrite64); return full_handle("write", handle) ? -1 : real(handle, data, size, at); }
ssize_t writev(int handle, const struct iovec *parts, int count) { REAL(writev); return full_handle("write", handle) ? -1 : real(handle, parts, count); }
size_t fwrite(const void *data, size_t size, size_t count, FILE *file) { REAL(fwrite); return full_handle("write", fileno(file)) ? 0 : real(data, size, count, file); }
int fsync(int handle) { REAL(fsync); return full_handle("sync", handle) ? -1 : real(handle); }
int rename(const char *from, const char *to) { REAL(rename); return full("rename", to) ? -1 : real(from, to); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return access(path, F_OK) != 0 && full("create", path) ? -1 : real(path, mode); }
int link(const char *from, const char *to) { REAL(link); return full("link", to) ? -1 : real(from, to); }
