// floor PARENT ADDRESS/PREFIX GATEWAY COMMAND [ARG...]: the least that gives a process its own address, as the
// measure for swrun: one clone3 with six new namespaces, one ipvlan slave (l2), `lo`, address, default route, exec.
// No mounts, no capabilities dropped, no seccomp, no state.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// `lo` is always 1. The slave's index is chosen, which saves asking for it; before Linux 6.15 it must be free in the
// sender's namespace too.
enum { loIndex = 1, slaveIndex = 0x5357 };

struct batch {
  char bytes[4096];
  size_t used;
  unsigned count;
};

static struct nlmsghdr *begin(struct batch *b, uint16_t type, uint16_t flags) {
  struct nlmsghdr *h = mnl_nlmsg_put_header(b->bytes + b->used);
  h->nlmsg_type = type;
  h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
  h->nlmsg_seq = ++b->count;
  return h;
}

static void finish(struct batch *b, struct nlmsghdr *h) { b->used += NLMSG_ALIGN(h->nlmsg_len); }

// One write for all messages; the kernel answers each with an acknowledgement.
static void talk(struct batch *b, const char *what) {
  struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) err(125, "netlink");
  if (mnl_socket_sendto(s, b->bytes, b->used) < 0) err(125, "%s", what);
  char answer[8192];
  for (unsigned seen = 0; seen < b->count;) {
    ssize_t n = mnl_socket_recvfrom(s, answer, sizeof answer);
    if (n < 0) err(125, "%s", what);
    int left = n;
    for (struct nlmsghdr *h = (void *)answer; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
      struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
      if (h->nlmsg_type == NLMSG_ERROR && e->error) {
        errno = -e->error;
        err(125, "%s: message %u", what, h->nlmsg_seq);
      }
      seen++;
    }
  }
}

static void link_up(struct batch *b, int index, const char *name) {
  struct nlmsghdr *h = begin(b, RTM_NEWLINK, 0);
  struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
  m->ifi_index = index;
  m->ifi_flags = m->ifi_change = IFF_UP;
  if (name) mnl_attr_put_strz(h, IFLA_IFNAME, name);
  finish(b, h);
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
    link_up(&b, loIndex, NULL);  // brings 127.0.0.1 and ::1
    link_up(&b, slaveIndex, NULL);
    struct nlmsghdr *h = begin(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *a = mnl_nlmsg_put_extra_header(h, sizeof *a);
    a->ifa_family = AF_INET;
    a->ifa_prefixlen = prefix;
    a->ifa_index = slaveIndex;
    mnl_attr_put_u32(h, IFA_LOCAL, address.s_addr);
    mnl_attr_put_u32(h, IFA_ADDRESS, address.s_addr);
    finish(&b, h);
    h = begin(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
    struct rtmsg *r = mnl_nlmsg_put_extra_header(h, sizeof *r);
    r->rtm_family = AF_INET;
    r->rtm_table = RT_TABLE_MAIN;
    r->rtm_protocol = RTPROT_STATIC;
    r->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(h, RTA_GATEWAY, gateway.s_addr);
    finish(&b, h);
    talk(&b, "set-up");
    execvp(argv[4], argv + 4);
    err(127, "%s", argv[4]);
  }

  close(gate[0]);
  struct nlmsghdr *h = begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
  m->ifi_index = slaveIndex;
  mnl_attr_put_strz(h, IFLA_IFNAME, "slave0");
  mnl_attr_put_u32(h, IFLA_LINK, parent);
  mnl_attr_put_u32(h, IFLA_NET_NS_PID, child);
  struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
  mnl_attr_put_strz(h, IFLA_INFO_KIND, "ipvlan");
  struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
  mnl_attr_put_u16(h, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
  mnl_attr_put_u16(h, IFLA_IPVLAN_FLAGS, 0);
  mnl_attr_nest_end(h, data);
  mnl_attr_nest_end(h, info);
  finish(&b, h);
  talk(&b, "ipvlan slave");
  if (write(gate[1], "", 1) != 1) err(125, "pipe");

  int status;
  if (waitpid(child, &status, 0) < 0) err(125, "wait");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
