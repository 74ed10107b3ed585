// floor PARENT ADDRESS/PREFIX GATEWAY COMMAND [ARG...]: the least that gives a process its own address, as the
// measure for swrun: one clone3 with six new namespaces, one ipvlan slave (l2), `lo`, address, default route, exec.
// No mounts, no capabilities dropped, no seccomp, no state.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CAttach/batch.h"

static void ask(struct batch *b, const char *what) {
  errno = talk(b);
  if (errno) err(125, "%s: message %u", what, b->failed);
}

int main(int argc, char **argv) {
  if (argc < 5) errx(125, "usage: floor PARENT ADDRESS/PREFIX GATEWAY COMMAND [ARG...]");
  struct in_addr address, gateway;
  char *slash = strchr(argv[2], '/');
  if (!slash) errx(125, "no prefix: %s", argv[2]);
  *slash = 0;
  int prefix = atoi(slash + 1), parent = if_nametoindex(argv[1]);
  if (!parent || inet_pton(AF_INET, argv[2], &address) != 1 || inet_pton(AF_INET, argv[3], &gateway) != 1)
    errx(125, "bad parent, address or gateway");

  int gate[2];
  if (pipe(gate) < 0) err(125, "pipe");
  struct clone_args how = {
    .flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
    .exit_signal = SIGCHLD,
  };
  struct batch b = {0};
  pid_t child = syscall(SYS_clone3, &how, sizeof how);
  if (child < 0) err(125, "clone3");

  if (child == 0) {
    char go;
    close(gate[1]);
    if (read(gate[0], &go, 1) != 1) _exit(125);
    close(gate[0]);
    set_up(&b, address.s_addr, prefix, gateway.s_addr);
    ask(&b, "set-up");
    execvp(argv[4], argv + 4);
    err(127, "%s", argv[4]);
  }

  close(gate[0]);
  make_slave(&b, "ipvlan", parent, IFLA_NET_NS_PID, child);
  ask(&b, "ipvlan slave");
  if (write(gate[1], "", 1) != 1) err(125, "pipe");

  int status;
  if (waitpid(child, &status, 0) < 0) err(125, "wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
