#define _GNU_SOURCE
#include "attach.h"

#include <endian.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "batch.h"

static int inside(int space, struct batch *b) {
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0 || setns(space, CLONE_NEWNET) < 0) return errno;
  int failure = talk(b);
  if (setns(home, CLONE_NEWNET) < 0) failure = errno;
  close(home);
  return failure;
}

int swrun_bench_attach(const char *kind, int parent, int space) {
  struct batch b = {0};
  make_slave(&b, kind, parent, IFLA_NET_NS_FD, space);
  int failure = talk(&b);
  if (failure) return failure;
  b = (struct batch){0};
  set_up(&b, htobe32(0x0a141402), 24, htobe32(0x0a141401));
  return inside(space, &b);
}

int swrun_bench_detach(int space) {
  struct batch b = {0};
  struct nlmsghdr *h = begin(&b, RTM_DELLINK, 0);
  struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
  m->ifi_index = slaveIndex;
  finish(&b, h);
  return inside(space, &b);
}
