/* A disk for tests, to be preloaded into a hub: what the file named by DISK_CONTROL says happens to the database's files.
   "ok", "slow N" (a flush takes N milliseconds, and adds a byte to the file "….flushes"), "full" (no write has room), "eio" (no flush succeeds). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int is_database(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, "/hub.db") != NULL;
}

static void read_control(char *mode, size_t size) {
  const char *file = getenv("DISK_CONTROL");
  mode[0] = 0;
  if (file == NULL) return;
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t length = read(fd, mode, size - 1);
  mode[length > 0 ? length : 0] = 0;
  close(fd);
}

static void count(void) {
  char file[4096];
  snprintf(file, sizeof file, "%s.flushes", getenv("DISK_CONTROL"));
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (write(fd, ".", 1) < 0) perror("slow-disk");
  close(fd);
}

static int flush(int fd, long call) {
  char mode[64];
  if (is_database(fd)) {
    read_control(mode, sizeof mode);
    if (strncmp(mode, "eio", 3) == 0) {
      errno = EIO;
      return -1;
    }
    if (strncmp(mode, "slow ", 5) == 0) {
      long ms = atol(mode + 5);
      struct timespec wait = {ms / 1000, (ms % 1000) * 1000000};
      nanosleep(&wait, NULL);
      count();
    }
  }
  return (int)syscall(call, fd);
}

int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

static ssize_t put(int fd, const void *bytes, size_t size, off_t at) {
  char mode[64];
  if (is_database(fd)) {
    read_control(mode, sizeof mode);
    if (strncmp(mode, "full", 4) == 0) {
      errno = ENOSPC;
      return -1;
    }
  }
  return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return put(fd, bytes, size, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) { return put(fd, bytes, size, at); }
