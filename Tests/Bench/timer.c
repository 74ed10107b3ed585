// timer FILE COMMAND [ARG...]: runs COMMAND and appends "milliseconds peak-RSS-in-KiB exit-status" to FILE.
// posix_spawn and wait4 around nothing but the program, so that no shell is measured.
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  struct timespec start, end;
  struct rusage use;
  pid_t child;
  int status;
  clock_gettime(CLOCK_MONOTONIC, &start);
  int error = posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ);
  if (error) {
    fprintf(stderr, "timer: cannot run %s (errno %d)\n", argv[2], error);
    return 127;
  }
  if (wait4(child, &status, 0, &use) < 0) return 2;
  clock_gettime(CLOCK_MONOTONIC, &end);
  double ms = (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6;
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  FILE *file = fopen(argv[1], "a");
  if (!file) return 2;
  fprintf(file, "%.1f %ld %d\n", ms, use.ru_maxrss, code);
  return fclose(file) ? 2 : code;
}
