/* Preloaded into an audit: from fault_arm() on the calls of each class are counted, and the one that FAULT_CALL and
 * FAULT_NTH name fails with FAULT_ERRNO; with FAULT_STICKY all that follow, too. FAULT_CLOCK seconds are added to the
 * time of day from the FAULT_NTH question on. FAULT_READONLY is a folder that nothing can be made in. The counts go to
 * FAULT_COUNTS when the process ends. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, CLOSE, MMAP, RENAME, UNLINK, FSYNC, SOCKET, CONNECT, CLOCK, CLASSES };
static const char *const names[CLASSES] = {"open",   "read",  "write",  "close",   "mmap", "rename",
                                           "unlink", "fsync", "socket", "connect", "clock"};
static atomic_int armed;
static atomic_long counts[CLASSES];
static int chosen = -1, sticky, code = EIO;
static long nth, jump;
static const char *readonly;

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value ? value : otherwise;
}

__attribute__((constructor)) static void begin(void) {
  const char *call = setting("FAULT_CALL", "");
  for (int each = 0; each < CLASSES; each++)
    if (!strcmp(call, names[each])) chosen = each;
  nth = atol(setting("FAULT_NTH", "0"));
  sticky = atoi(setting("FAULT_STICKY", "0"));
  code = atoi(setting("FAULT_ERRNO", "5"));
  jump = atol(setting("FAULT_CLOCK", "0"));
  readonly = getenv("FAULT_READONLY");
}

void fault_arm(void) { armed = 1; }

static int reached(int class) {
  if (!armed) return 0;
  long now = atomic_fetch_add(&counts[class], 1) + 1;
  return class == chosen && nth && (sticky ? now >= nth : now == nth);
}

static int fails(int class) {
  if (!reached(class)) return 0;
  errno = code;
  return 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int refused(const char *path, int flags) {
  if (!readonly || !armed || !(flags & (O_CREAT | O_WRONLY | O_RDWR)) || strncmp(path, readonly, strlen(readonly))) return 0;
  errno = EROFS;
  return 1;
}

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    REAL(int, #name, const char *, int, ...); \
    return refused(path, flags) || fails(OPEN) ? -1 : real(path, flags, mode); \
  }
OPENS(open)
OPENS(open64)
#define OPENS_AT(name) \
  int name(int at, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
    REAL(int, #name, int, const char *, int, ...); \
    return refused(path, flags) || fails(OPEN) ? -1 : real(at, path, flags, mode); \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

#define MOVES(name, class, data) \
  ssize_t name(int file, data buffer, size_t size) { \
    REAL(ssize_t, #name, int, data, size_t); \
    return fails(class) ? -1 : real(file, buffer, size); \
  }
MOVES(read, READ, void *)
MOVES(write, WRITE, const void *)
#define MOVES_AT(name, class, data) \
  ssize_t name(int file, data buffer, size_t size, off_t at) { \
    REAL(ssize_t, #name, int, data, size_t, off_t); \
    return fails(class) ? -1 : real(file, buffer, size, at); \
  }
MOVES_AT(pread, READ, void *)
MOVES_AT(pread64, READ, void *)
MOVES_AT(pwrite, WRITE, const void *)
MOVES_AT(pwrite64, WRITE, const void *)
ssize_t recv(int file, void *buffer, size_t size, int flags) {
  REAL(ssize_t, "recv", int, void *, size_t, int);
  return fails(READ) ? -1 : real(file, buffer, size, flags);
}
ssize_t send(int file, const void *buffer, size_t size, int flags) {
  REAL(ssize_t, "send", int, const void *, size_t, int);
  return fails(WRITE) ? -1 : real(file, buffer, size, flags);
}

int close(int file) { /* as Linux does it: the file is closed even where it says that it failed */
  REAL(int, "close", int);
  int failed = fails(CLOSE), answer = real(file);
  if (!failed) return answer;
  errno = code;
  return -1;
}
#define MAPS(name) \
  void *name(void *at, size_t size, int protection, int flags, int file, off_t offset) { \
    REAL(void *, #name, void *, size_t, int, int, int, off_t); \
    return fails(MMAP) ? MAP_FAILED : real(at, size, protection, flags, file, offset); \
  }
MAPS(mmap)
MAPS(mmap64)
int rename(const char *old, const char *new) {
  REAL(int, "rename", const char *, const char *);
  return fails(RENAME) ? -1 : real(old, new);
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  return fails(UNLINK) ? -1 : real(path);
}
int fsync(int file) {
  REAL(int, "fsync", int);
  return fails(FSYNC) ? -1 : real(file);
}
int fdatasync(int file) {
  REAL(int, "fdatasync", int);
  return fails(FSYNC) ? -1 : real(file);
}
int socket(int domain, int type, int protocol) {
  REAL(int, "socket", int, int, int);
  return fails(SOCKET) ? -1 : real(domain, type, protocol);
}
int connect(int file, const struct sockaddr *address, socklen_t size) {
  REAL(int, "connect", int, const struct sockaddr *, socklen_t);
  return fails(CONNECT) ? -1 : real(file, address, size);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  REAL(int, "clock_gettime", clockid_t, struct timespec *);
  int answer = real(clock, time);
  if (clock == CLOCK_REALTIME && reached(CLOCK)) time->tv_sec += jump;
  return answer;
}

void _exit(int status) {
  armed = 0;
  const char *path = getenv("FAULT_COUNTS");
  if (path) {
    FILE *file = fopen(path, "w");
    for (int each = 0; file && each < CLASSES; each++) fprintf(file, "%s %ld\n", names[each], counts[each]);
    if (file) fclose(file);
  }
  syscall(SYS_exit_group, status);
  __builtin_unreachable();
}
